// Starts the small modules that pages ask for by data- hooks. Loaded once on every page of the admin.
import { startTimes } from "./times.js";
import { startLive } from "./live.js";
import { startCopy } from "./copy.js";
import { startForms } from "./forms.js";
import { startTabs } from "./tabs.js";

function startCharts(root) {
  if (root.querySelector("[data-chart]") || root.matches?.("[data-chart]")) {
    import("./chart.js").then((charts) => charts.startCharts(root));
  }
}

/** Icons are letters of a font: screen readers would read their names out before every link. */
function hideIcons(root) {
  root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => icon.setAttribute("aria-hidden", "true"));
}

function start(root) {
  hideIcons(root);
  startTimes(root);
  startCopy(root);
  startForms(root);
  startTabs(root);
  startCharts(root);
}

start(document.documentElement);
startLive();
// What arrives later (HTMX) is started like what was there from the beginning.
document.addEventListener("htmx:load", (event) => start(event.detail.elt));
