// The page's own script: figures, theme, local times, polling. No inline code anywhere: the CSP forbids it.
(() => {
  "use strict";
  const root = document.documentElement;
  const language = root.lang || "en";
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);

  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  // ---- times -------------------------------------------------------------------------------------------------
  const pad = (n) => String(n).padStart(2, "0");
  const dayOf = (t) => `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())}`;
  const stamp = (t) => `${dayOf(t)} ${pad(t.getHours())}:${pad(t.getMinutes())}`;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const steps = [["second", 60], ["minute", 3600], ["hour", 86400], ["day", 30 * 86400]];
  const sizes = { second: 1, minute: 60, hour: 3600, day: 86400, month: 30.44 * 86400, year: 365.25 * 86400 };

  const longer = [...steps, ["month", 365 * 86400], ["year", Infinity]];

  // Where the date stands beside it, an old time is told in months and years too.
  function ago(time, beside) {
    const seconds = (time - Date.now()) / 1000;
    const step = (beside ? longer : steps).find(([, below]) => Math.abs(seconds) < below);
    return step ? relative.format(Math.round(seconds / sizes[step[0]]), step[0]) : dayOf(time);
  }

  function showTimes(scope) {
    for (const element of scope.querySelectorAll("time[datetime]")) {
      const time = new Date(element.dateTime);
      if (Number.isNaN(time.getTime())) continue;
      element.textContent = element.dataset.relative ? ago(time, element.closest(".ago") !== null) : stamp(time);
    }
    for (const option of scope.querySelectorAll("select[data-times] option")) {
      const time = new Date(option.value.split("@")[0]);
      if (Number.isNaN(time.getTime()) || option.dataset.shown) continue;
      option.dataset.shown = "1";
      option.textContent = stamp(time) + (option.dataset.more || "") + (option.textContent.includes("●") ? " ●" : "");
    }
  }

  // Forms come in UTC, for browsers without scripts; here they are turned to the reader's own clock, once.
  function localForms(scope) {
    for (const field of scope.querySelectorAll("form input[name=zone]")) {
      if ("own" in field.dataset) field.value = ownZone;
      if ("own" in field.dataset || field.value !== "UTC") continue;
      for (const input of field.form.querySelectorAll("input[type=datetime-local]")) {
        const time = new Date(`${input.value}Z`);
        if (!input.value || Number.isNaN(time.getTime())) continue;
        input.value = `${dayOf(time)}T${pad(time.getHours())}:${pad(time.getMinutes())}`;
      }
      field.value = ownZone;
      for (const name of field.form.querySelectorAll("[data-zone]")) name.textContent = ownZone;
    }
  }

  // ---- figures -----------------------------------------------------------------------------------------------
  const pairsBlock = document.getElementById("dark-pairs");
  const darkPairs = pairsBlock ? JSON.parse(pairsBlock.textContent) : {};
  const utcText = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;

  function recolour(value) {
    if (typeof value === "string") return Object.hasOwn(darkPairs, value) ? darkPairs[value] : value;
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item)]));
    }
    return value;
  }

  // Plotly knows no time zones: it is given the reader's wall clock. A daily reading stays on its own day.
  function toLocal(text) {
    if (typeof text !== "string" || !utcText.test(text)) return text;
    const time = new Date(text.length === 10 ? `${text}T00:00:00Z` : `${text}Z`);
    return `${dayOf(time)}T${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  }

  function localised(figure) {
    const moments = [];
    for (const trace of figure.data) {
      moments.push(Array.isArray(trace.x) ? trace.x : []);
      if (Array.isArray(trace.x)) trace.x = trace.x.map(toLocal);
    }
    for (const shape of figure.layout.shapes || []) {
      shape.x0 = toLocal(shape.x0);
      shape.x1 = toLocal(shape.x1);
    }
    return moments;
  }

  function openCell(div, event) {
    const point = event.points && event.points[0];
    if (!point || !div.dataset.rows) return;
    const rows = JSON.parse(div.dataset.rows);
    const column = Array.isArray(point.pointIndex) ? point.pointIndex[1] : point.pointIndex;
    const moment = div.moments[point.curveNumber][column];
    const name = Object.hasOwn(rows, point.y) ? rows[point.y] : "";
    if (!moment || !name) return;
    const url = new URL(location.href);
    const start = new Date(`${moment.replace(/\.\d+$/, "")}Z`);
    const parameter = div.dataset.parameter || "feature";
    url.searchParams.set(parameter, name);
    if (div.dataset.step) {
      // A cell of many windows: the page of that time shows each of them.
      for (const other of ["range", "window", "page"]) url.searchParams.delete(other);
      url.searchParams.set("since", start.toISOString());
      url.searchParams.set("until", new Date(start.getTime() + 1000 * Number(div.dataset.step)).toISOString());
      url.hash = "drift";
    } else {
      url.searchParams.set("window", start.toISOString().replace(".000Z", "Z"));
      url.hash = parameter === "slice" ? "slices" : "compare";
    }
    location.assign(url);
  }

  function wrap(text, width) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if (lines.at(-1) && lines.at(-1).length + word.length >= width) lines.push(word);
      else lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines;
  }

  // The names come escaped: an entity counts as one character and is never cut in two.
  function shorten(text, most) {
    const characters = text.match(/&(?:amp|lt|gt);|[^]/gu) || [];
    return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
  }

  // Plotly's own layout takes no heed of a narrow place: the title, the legend and long names are fitted here.
  function fit(figure, div) {
    const { layout } = figure;
    const wide = div.clientWidth || 600;
    const narrow = wide < 480;
    const base = ((layout.template || {}).layout || {}).margin || {};
    const margin = { ...base, ...layout.margin };
    // at the top: in the middle of its margin, where plotly puts it, a second line runs into the chart
    const top = { yref: "container", y: 1, yanchor: "top" };
    layout.title = { ...layout.title, xref: "container", x: 0, ...top, pad: { ...(layout.title || {}).pad, l: 8, t: 14 } };
    const heading = wrap(layout.title.text || "", Math.floor((wide - 20) / 7.6));
    layout.title.text = heading.join("<br>");
    margin.t = (margin.t || 44) + 18 * (heading.length - 1);
    const subtitle = layout.title.subtitle;
    // beside its verdict a chart is as tall as that
    const verdict = div.closest(".compare") && div.closest(".compare").querySelector(".verdict");
    const figureBox = div.parentElement;
    if (verdict && verdict.offsetTop === figureBox.offsetTop) {
      layout.height = Math.max(layout.height || 300, verdict.scrollHeight - 16);
    }
    if (subtitle && subtitle.text) {
      const lines = wrap(subtitle.text, Math.floor((wide - 20) / 6.2));
      subtitle.text = lines.join("<br>");
      margin.t = (margin.t || 74) + 16 * (lines.length - 1);
      layout.height = (layout.height || 300) + 16 * (lines.length - 1);
    }
    const named = figure.data.filter((trace) => trace.showlegend !== false && trace.name && trace.type !== "heatmap");
    if (layout.showlegend !== false && named.length > 1) {
      const longest = Math.max(...named.map((trace) => trace.name.length));
      const columns = Math.max(1, Math.floor((wide - 70) / (longest * 7 + 48)));
      const rows = Math.ceil(named.length / columns);
      if (rows > 1) layout.height = (layout.height || 300) + 19 * (rows - 1);
    }
    if (narrow) {
      margin.r = 8;
      for (const trace of figure.data) if (trace.type === "heatmap") Object.assign(trace, { showscale: false, xgap: 0 });
      const map = figure.data.find((trace) => trace.type === "heatmap");
      if (map && Array.isArray(map.y)) {
        const ticktext = map.y.map((text) => shorten(String(text), 14));
        layout.yaxis = { ...layout.yaxis, tickmode: "array", tickvals: map.y, ticktext };
      }
    }
    layout.margin = margin;
    div.style.minHeight = `${layout.height || 300}px`;
  }

  // Plotly speaks English alone; the names of days and months come from the browser.
  const portuguese = language.startsWith("pt");
  let told = false;
  function teachPlotly() {
    if (!portuguese || told) return;
    told = true;
    const names = (count, options, at) => Array.from({ length: count }, (_, index) => (
      new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(at(index)).replace(".", "")));
    const days = (weekday) => names(7, { weekday }, (index) => Date.UTC(2023, 0, 1 + index));
    const months = (month) => names(12, { month }, (index) => Date.UTC(2023, index, 1));
    window.Plotly.register({
      moduleType: "locale",
      name: "pt-BR",
      dictionary: {},
      format: {
        days: days("long"), shortDays: days("short"), months: months("long"), shortMonths: months("short"),
        date: "%d/%m/%Y", year: "%Y", month: "%b %Y", dayMonth: "%-d %b", dayMonthYear: "%-d %b %Y",
      },
    });
  }

  function draw(block) {
    const div = document.getElementById(block.dataset.figure);
    if (!div || !window.Plotly) return;
    const key = `${isDark()}${block.textContent}`;
    if (div.drawn === key) return;
    div.drawn = key;
    let figure = JSON.parse(block.textContent);
    const moments = localised(figure);
    if (isDark()) figure = recolour(figure);
    Object.assign(figure.layout, {
      autosize: true,
      separators: portuguese ? ",." : ".,",
    });
    delete figure.layout.width;
    fit(figure, div);
    const first = !div.moments;
    if (first) div.replaceChildren();
    div.moments = moments;
    const name = block.dataset.figure.replace(/^fig-/, "mirante-");
    teachPlotly();
    const config = {
      locale: portuguese ? "pt-BR" : "en-US",
      responsive: true,
      displaylogo: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "png", filename: name, scale: 2 },
    };
    window.Plotly.react(div, figure.data, figure.layout, config);
    // The group has a name, and the tables have the numbers: hundreds of axis labels read aloud help nobody.
    for (const svg of div.querySelectorAll(".main-svg")) svg.setAttribute("aria-hidden", "true");
    if (first && div.dataset.rows) div.on("plotly_click", (event) => openCell(div, event));
  }

  // What is in view is drawn at once, the rest as it comes near.
  const seen = "IntersectionObserver" in window
    ? new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        drawInto(entry.target);
      }
    }, { rootMargin: "600px" })
    : null;

  function drawInto(div) {
    const block = [...document.querySelectorAll("script[data-figure]")].find((b) => b.dataset.figure === div.id);
    if (block) draw(block);
  }

  function drawAll() {
    for (const block of document.querySelectorAll("script[type='application/json'][data-figure]")) {
      const div = document.getElementById(block.dataset.figure);
      if (!div) continue;
      if (seen && !div.moments) seen.observe(div);
      else draw(block);
    }
  }

  // ---- theme -------------------------------------------------------------------------------------------------
  const button = document.getElementById("theme");

  function labelTheme() {
    if (!button) return;
    const text = isDark() ? button.dataset.light : button.dataset.dark;
    button.querySelector(".unseen").textContent = text;
    button.title = text;
  }

  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("mirante-theme", root.dataset.theme); } catch { /* for this page only, then */ }
      labelTheme();
      drawAll();
    });
  }
  systemDark.addEventListener("change", () => { labelTheme(); drawAll(); });

  // ---- polling: htmx asks, an unchanged page answers 304 and nothing moves --------------------------------------
  const offline = document.getElementById("offline");
  const isPoll = (event) => event.detail.elt && event.detail.elt.id === "live";

  document.addEventListener("htmx:configRequest", (event) => {
    const live = document.getElementById("live");
    if (isPoll(event) && live.dataset.etag) event.detail.headers["If-None-Match"] = `"${live.dataset.etag}"`;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const focused = (document.activeElement && document.activeElement.closest("#live form"))
      || document.querySelector("#live details[open] form");
    // A hidden tab asks nothing, and a form that somebody is filling in is not pulled away.
    if (document.hidden || (isPoll(event) && focused)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (offline) offline.hidden = event.detail.xhr && event.detail.xhr.status > 0;
    if (event.detail.xhr && event.detail.xhr.status === 401) location.reload();
  });
  document.addEventListener("htmx:afterSettle", () => { showTimes(document); localForms(document); drawAll(); });

  // ---- forms -------------------------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field instanceof HTMLSelectElement && "submit" in field.dataset) field.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    // Empty fields do not belong into an address that people pass on.
    if (event.target.method !== "get") return;
    const { zone, since, until } = event.target.elements;
    if (zone && since && until && !since.value && !until.value) zone.value = "";
    for (const field of event.target.querySelectorAll("input, select")) field.disabled = !field.value;
    setTimeout(() => { for (const field of event.target.elements) field.disabled = false; });
  });

  const zoneLine = document.getElementById("zone");
  if (zoneLine) zoneLine.textContent = zoneLine.dataset.words.replace("%(zone)s", ownZone);
  showTimes(document);
  localForms(document);
  labelTheme();
  drawAll();
  setInterval(() => { if (!document.hidden) showTimes(document); }, 30000);
})();
