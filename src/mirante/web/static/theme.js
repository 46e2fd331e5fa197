// Runs before the first paint, so that a chosen theme does not flash in from the other one.
(() => {
  "use strict";
  try {
    const chosen = localStorage.getItem("mirante-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* storage is switched off: the system's wish stands */ }
  document.documentElement.classList.add("scripted");
})();
