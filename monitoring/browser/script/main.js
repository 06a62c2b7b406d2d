// Begins to measure when it may: at once, or when the visitor agrees. Offers window.postlaunch.

import { watchAssets } from "./assets.js";
import { watchClicks } from "./clicks.js";
import { captureError, watchErrors } from "./errors.js";
import { forget, keep, recall, silence } from "./memory.js";
import { options } from "./options.js";
import { add, discard, leave, leaveOut, openOutbox } from "./outbox.js";
import { currentVisit, forgetVisit, noteVisit } from "./session.js";
import { address } from "./place.js";
import { plain } from "./plain.js";
import { write } from "./texts.js";
import { watchViews } from "./views.js";
import { watchVitals } from "./vitals.js";

const MAX_NAME = 100;

let running = false;
let watching = false;
let user = options.user;

function begin() {
  if (running || !options.key || !options.url) return;
  running = true;
  const visit = currentVisit();
  visit.sampled = visit.sampled ?? Math.random() < options.sample;
  noteVisit();
  if (!visit.sampled) {
    leaveOut("session", "sampled");
    openOutbox(describe);
    return;
  }
  openOutbox(describe);
  if (watching) return;
  watching = true;
  watchErrors();
  watchViews();
  watchVitals();
  if (options.assets) watchAssets();
  if (options.clicks) watchClicks();
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") goAway();
  });
  addEventListener("pagehide", goAway);
}

function goAway() {
  if (!running) return;
  const visit = currentVisit();
  // How a release does is told by its visits; without a release there is nobody to tell it of.
  if (options.release) {
    const status = visit.crashed ? "crashed" : "exited";
    add({ t: "session", sid: visit.id, started: visit.started, at: Date.now(), errors: visit.errors, status });
  }
  noteVisit();
  leave();
}

function describe() {
  return {
    release: options.release,
    environment: options.environment,
    user,
    session: currentVisit().id,
    connection: navigator.connection?.effectiveType || "",
    device: deviceClass(),
  };
}

// A touch screen says more than the user agent, which calls tablets desktops.
function deviceClass() {
  const touch = matchMedia?.("(pointer: coarse)").matches;
  if (!touch) return "desktop";
  return Math.min(screen.width, screen.height) < 600 ? "mobile" : "tablet";
}

function mayBegin() {
  const asksNotTo = navigator.doNotTrack === "1" || navigator.globalPrivacyControl === true;
  if (options.respectsDoNotTrack && asksNotTo) return false;
  return !options.needsConsent || recall("localStorage", "consent") === true;
}

const api = {
  track(feature, properties) {
    if (!running || !currentVisit().sampled) return;
    const name = write(feature, MAX_NAME);
    add({ t: "event", k: "feature", n: name, p: plain(properties) || {}, url: address(), at: Date.now() });
  },
  identify(id) {
    user = id === null || id === undefined ? "" : write(id, 200);
  },
  captureError(error, context) {
    if (running) captureError(error, context);
  },
  consent(agrees) {
    if (agrees) {
      silence(false);
      if (!running) forgetVisit();
      keep("localStorage", "consent", true);
      begin();
      return;
    }
    running = false;
    discard();
    forgetVisit();
    forget();
    silence(true);
  },
  flush: leave,
};

// What the page asked for before the script was there: window.postlaunch = window.postlaunch || []; postlaunch.push(["track", "x"]).
const asked = Array.isArray(window.postlaunch) ? window.postlaunch : [];
api.push = ([name, ...values]) => api[name]?.(...values);
window.postlaunch = api;
if (mayBegin()) begin();
for (const call of asked) api.push(call);
