// Page views: loads of whole pages and changes of view in single-page applications, without query and login.

import { measurement } from "./items.js";
import { add } from "./outbox.js";
import { address } from "./place.js";
import { currentVisit, noteVisit } from "./session.js";

const QUIET_MS = 400;
const MAX_ROUTE_MS = 10_000;

let shown = "";

export function watchViews() {
  shown = address();
  note("page");
  whenLoaded(noteLoad);
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...args) {
      const result = original.apply(this, args);
      changed();
      return result;
    };
  }
  addEventListener("popstate", changed);
  addEventListener("hashchange", changed);
}

function changed() {
  const now = address();
  if (now === shown) return;
  shown = now;
  note("page");
  const began = performance.now();
  whenQuiet(began, (ended) => add(measurement("route", (ended - began) / 1000, { url: now })));
}

function note(kind) {
  const visit = currentVisit();
  if (!visit.views) add({ t: "event", k: "session", url: shown, at: visit.started });
  visit.views += 1;
  noteVisit();
  add({ t: "event", k: kind, url: shown, at: Date.now() });
}

function whenLoaded(work) {
  if (document.readyState === "complete") setTimeout(work, 0);
  else addEventListener("load", () => setTimeout(work, 0));
}

// The first view of a visit fills caches; later ones show what people mostly feel.
function noteLoad() {
  const [entry] = performance.getEntriesByType("navigation");
  const ended = entry ? entry.loadEventEnd || entry.domComplete : performance.now();
  const name = currentVisit().views > 1 ? "load_repeat" : "load";
  add(measurement(name, ended / 1000, { nav: entry ? entry.type : "" }));
}

// Calls back with the moment of the last change once the page has been quiet for a while.
function whenQuiet(began, done) {
  let last = began;
  const observer = new MutationObserver(() => {
    last = performance.now();
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
  const check = () => {
    const now = performance.now();
    const busy = performance
      .getEntriesByType("resource")
      .slice(-20)
      .reduce((latest, entry) => Math.max(latest, entry.responseEnd), 0);
    last = Math.max(last, Math.min(busy, now));
    if (now - last >= QUIET_MS || now - began > MAX_ROUTE_MS) {
      observer.disconnect();
      done(last);
    } else {
      setTimeout(check, 100);
    }
  };
  setTimeout(check, 100);
}
