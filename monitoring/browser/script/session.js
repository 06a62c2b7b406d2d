// A visit: everything that one tab does without half an hour of quiet. Its id is random and goes with the tab.

import { makeId } from "./ids.js";
import { keep, recall } from "./memory.js";

const IDLE_MS = 30 * 60_000;
const NOTED_EVERY_MS = 10_000;

let visit;
let notedAt = 0;

// Returns the visit, {id, at, started, views}; a new one has no views yet.
export function currentVisit() {
  const now = Date.now();
  visit = visit || recall("sessionStorage", "visit");
  if (!visit || now - visit.at > IDLE_MS || now < visit.started) {
    visit = { id: makeId(), started: now, at: now, views: 0, errors: 0, crashed: false };
    notedAt = 0;
  }
  visit.at = now;
  if (now - notedAt > NOTED_EVERY_MS) noteVisit();
  return visit;
}

export function noteVisit() {
  if (!visit) return;
  notedAt = Date.now();
  keep("sessionStorage", "visit", visit);
}

export function forgetVisit() {
  visit = undefined;
}
