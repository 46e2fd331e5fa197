/* Draws every figure of the page with plotly.js, in the light or the dark colours, and redraws when they change. */
(function () {
  "use strict";
  var root = document.documentElement;
  var pairs = JSON.parse(document.getElementById("mirante-colours").textContent);
  var wish = window.matchMedia("(prefers-color-scheme: dark)");
  var words = document.body.dataset;
  var camera = window.Plotly.Icons.camera;

  /* A button that saves a figure as it is seen, named after its heading. */
  function saving(format, title, scale) {
    return {
      name: "save-" + format,
      title: title,
      icon: camera,
      click: function (plot) {
        var heading = plot.closest(".chart").querySelector("h3").textContent;
        var name = heading.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
        window.Plotly.downloadImage(plot, {
          format: format, scale: scale, filename: name || "mirante", width: plot.clientWidth, height: plot.clientHeight
        });
      }
    };
  }

  /* Plotly speaks English alone; the names of days and months come from the browser. */
  var portuguese = /^pt/.test(root.lang);
  function names(count, options, at) {
    var form = new Intl.DateTimeFormat(root.lang, Object.assign({ timeZone: "UTC" }, options));
    return Array.from({ length: count }, function (_, index) { return form.format(at(index)).replace(".", ""); });
  }
  function day(index) { return Date.UTC(2023, 0, 1 + index); }
  function month(index) { return Date.UTC(2023, index, 1); }
  if (portuguese) {
    window.Plotly.register({
      moduleType: "locale",
      name: "pt-BR",
      dictionary: {},
      format: {
        days: names(7, { weekday: "long" }, day), shortDays: names(7, { weekday: "short" }, day),
        months: names(12, { month: "long" }, month), shortMonths: names(12, { month: "short" }, month),
        date: "%d/%m/%Y", decimal: ",", thousands: ".",
        year: "%Y", month: "%b %Y", dayMonth: "%-d %b", dayMonthYear: "%-d %b %Y"
      }
    });
  }

  var config = {
    locale: portuguese ? "pt-BR" : "en-US",
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
    modeBarButtonsToAdd: [saving("png", words.savePng, 2), saving("svg", words.saveSvg, 1)]
  };
  var printing = false;

  function isDark() {
    if (printing) return false;
    return root.dataset.theme ? root.dataset.theme === "dark" : wish.matches;
  }

  function recolour(value) {
    if (typeof value === "string") {
      return Object.prototype.hasOwnProperty.call(pairs, value) ? pairs[value] : value;
    }
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object") {
      var out = {};
      Object.keys(value).forEach(function (key) { out[key] = recolour(value[key]); });
      return out;
    }
    return value;
  }

  function draw(place) {
    var figure = JSON.parse(place.querySelector("script").textContent);
    var target = place.querySelector(".plot");
    if (isDark()) figure = recolour(figure);
    if (target.clientWidth < 520) {
      figure.layout.margin = Object.assign({}, figure.layout.margin, { l: 8, r: 8 });
      figure.layout.xaxis = Object.assign({}, figure.layout.xaxis);
      if (!figure.layout.xaxis.ticktext) figure.layout.xaxis.nticks = 4;
      (figure.data || []).forEach(function (trace) { if (trace.colorbar) trace.showscale = false; });
    }
    return window.Plotly.react(target, figure.data, figure.layout, config).then(function () {
      place.dataset.drawn = isDark() ? "dark" : "light";
    });
  }

  var places = Array.prototype.slice.call(document.querySelectorAll(".chart[data-figure]"));
  var drawing = Promise.resolve();

  function drawAll() {
    places.forEach(function (place) {
      drawing = drawing
        .then(function () { return draw(place); })
        .then(function () { return new Promise(function (go) { window.setTimeout(go, 0); }); });
    });
    drawing = drawing.then(function () { root.dataset.charts = "drawn"; });
  }

  var button = document.getElementById("mirante-switch");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      button.setAttribute("aria-pressed", String(isDark()));
      drawAll();
    });
  }
  wish.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", function () {
    var dark = isDark();
    printing = true;
    if (dark) places.forEach(draw);
  });
  window.addEventListener("afterprint", function () {
    printing = false;
    if (isDark()) drawAll();
  });
  drawAll();
})();
