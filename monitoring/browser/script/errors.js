// Errors that nobody caught, and promises that nobody waited for. Whether one is critical the server's patterns say.

import { makeId } from "./ids.js";
import { add } from "./outbox.js";
import { plain } from "./plain.js";
import { currentVisit, noteVisit } from "./session.js";
import { write } from "./texts.js";

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
    report(reason, { type: "unhandled_promise_rejection", message: messageOf(reason) });
  });
}

// Reports an error that a page caught itself.
export function captureError(error, context) {
  const told = { type: "javascript_error", message: messageOf(error), handled: true };
  report(error, context === undefined ? told : { ...told, context: plain(context) });
}

function report(error, told) {
  const visit = currentVisit();
  visit.errors += 1;
  if (!told.handled) visit.crashed = true;
  noteVisit();
  if (left-- <= 0) return;
  const named = error instanceof Error ? { class: write(error.name, 200), stack: write(error.stack || "", MAX_TEXT) } : {};
  add({
    t: "error",
    at: Date.now(),
    error: {
      ...told,
      ...named,
      message: write((error instanceof Error && error.message) || told.message, MAX_TEXT),
      url: location.origin + location.pathname,
      event_id: makeId().replace(/-/g, ""),
      timestamp: Date.now(),
    },
  });
}

function messageOf(reason) {
  try {
    return write(reason?.message || reason, MAX_TEXT);
  } catch {
    return write(reason);
  }
}
