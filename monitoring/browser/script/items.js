// What is sent, as the door reads it: t is the kind, at the time in milliseconds, id tells a repetition.

import { makeId } from "./ids.js";
import { address } from "./place.js";
import { cut } from "./texts.js";

export function measurement(name, seconds, more = {}) {
  return {
    t: "vital",
    n: name,
    v: Math.round(seconds * 1e6) / 1e6,
    url: address(),
    at: Date.now(),
    id: makeId(),
    ...more,
  };
}

// Returns what an element is: tag, id and classes. Never its text or value.
export function describeElement(element) {
  if (!element || !element.tagName) return "";
  let text = element.tagName.toLowerCase();
  if (element.id) return cut(`${text}#${element.id}`, 200);
  const classes = typeof element.className === "string" ? element.className.trim().split(/\s+/).filter(Boolean) : [];
  if (classes.length) text += `.${classes.slice(0, 3).join(".")}`;
  const named = element.getAttribute("name") || element.getAttribute("data-testid");
  return cut(named ? `${text}[${named}]` : text, 200);
}
