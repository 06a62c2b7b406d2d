// Errors that nobody caught, and promises that nobody waited for. Whether one is critical the server's patterns say.

import { makeId } from "./ids.js";
import { add } from "./outbox.js";
import { currentVisit, noteVisit } from "./session.js";

const MAX_ERRORS = 30;
const MAX_TEXT = 8_000;

let left = MAX_ERRORS;

export function watchErrors() {
  addEventListener("error", (event) => {
    if (!(event instanceof ErrorEvent)) return;
    report(event.error, {
      type: "javascript_error",
      message: event.message,
      filename: event.filename,
      lineno: event.lineno,
      colno: event.colno,
    });
  });
  addEventListener("unhandledrejection", ({ reason }) => {
    report(reason, { type: "unhandled_promise_rejection", message: String(reason?.message || reason) });
  });
}

// Reports an error that a page caught itself.
export function captureError(error, context) {
  report(error, { type: "javascript_error", message: String(error?.message || error), handled: true, context });
}

function report(error, told) {
  const visit = currentVisit();
  visit.errors += 1;
  if (!told.handled) visit.crashed = true;
  noteVisit();
  if (left-- <= 0) return;
  const named = error instanceof Error ? { class: error.name, stack: cut(error.stack) } : {};
  add({
    t: "error",
    at: Date.now(),
    error: {
      ...told,
      ...named,
      message: cut(error instanceof Error ? error.message || told.message : told.message),
      url: location.origin + location.pathname,
      event_id: makeId().replace(/-/g, ""),
      timestamp: Date.now(),
    },
  });
}

function cut(text) {
  return text ? String(text).slice(0, MAX_TEXT) : text;
}
