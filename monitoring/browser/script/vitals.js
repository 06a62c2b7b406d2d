// Web vitals (by the web-vitals library), the first input's delay as it was measured before INP, and long tasks.

import { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
import { describeElement, measurement } from "./items.js";
import { address } from "./place.js";
import { add } from "./outbox.js";
import { makeId } from "./ids.js";

const MAX_LONG_TASKS = 20;

export function watchVitals() {
  // A vital grows while the page is open. Of reports with the same id the largest is kept.
  const ids = {};
  const report = ({ name, value, navigationType, entries }) => {
    const key = name.toLowerCase();
    ids[key] = ids[key] || { id: makeId(), url: address(), at: Date.now() };
    const seconds = key === "cls" ? value : value / 1000;
    add(measurement(key, seconds, { ...ids[key], nav: navigationType || "", d: detailOf(entries) }));
  };
  for (const watch of [onCLS, onFCP, onINP, onLCP, onTTFB]) watch(report);
  observe("first-input", ([entry]) => {
    add(measurement("fid", (entry.processingStart - entry.startTime) / 1000, { d: describeElement(entry.target) }));
  });
  let left = MAX_LONG_TASKS;
  observe("longtask", (entries) => {
    for (const entry of entries) {
      if (left-- > 0) add(measurement("longtask", entry.duration / 1000, { d: entry.attribution?.[0]?.containerSrc || "" }));
    }
  });
}

function detailOf(entries) {
  const entry = entries && entries[entries.length - 1];
  if (!entry) return "";
  return describeElement(entry.element || entry.target || entry.sources?.[0]?.node);
}

export function observe(type, found) {
  try {
    new PerformanceObserver((list) => found(list.getEntries())).observe({ type, buffered: true });
  } catch {
    // This browser does not measure it.
  }
}
