// What waits to be sent: gathered for some seconds, sent together, kept over a reload while the network is away.
//
// A batch has an id for good, so that one that was stored although its answer got lost is not stored twice. Of a batch that is
// refused nothing is tried again. What does not fit is counted, and the count is sent. Each batch is kept under a name of its
// own, so that tabs don't write over each other's; whoever opens next takes them up, and who finds one gone leaves it to the taker.

import { makeId } from "./ids.js";
import { drop, keep, list, recall } from "./memory.js";
import { options } from "./options.js";

const GATHER_MS = 5_000;
const MAX_ITEMS = 50;
const MAX_BATCHES = 20;
const MAX_KEPT_BYTES = 400_000;
const BEACON_BYTES = 60_000;
const KEPT = "outbox.";
const MAX_WAIT_MS = 300_000;
const MIN_WAIT_MS = 5_000;

let describe = () => ({});
let open = false;
let closed = false;
let items = [];
let missing = {};
let batches = [];
let timer = 0;
let sending = false;
let waitMs = 0;
let notBefore = 0;

// Begins to send; what was kept by an earlier page goes first. `head` returns what stands above the items of a batch.
export function openOutbox(head) {
  describe = head;
  open = true;
  const kept = list("localStorage", KEPT).map(([name]) => ({ ...recall("localStorage", name), kept: name }));
  if (kept.length) {
    batches = kept.filter((batch) => Array.isArray(batch.items)).concat(batches);
    notBefore = 0;
  }
  closed = false;
  if (items.length || batches.length || Object.keys(missing).length) plan(GATHER_MS);
  addEventListener("online", () => {
    notBefore = 0;
    send();
  });
}

export function add(item) {
  if (closed) return;
  if (items.length + batches.length * MAX_ITEMS >= MAX_BATCHES * MAX_ITEMS) {
    leaveOut(item.t, "lost");
    return;
  }
  items.push(item);
  if (open) plan(items.length >= MAX_ITEMS ? 0 : GATHER_MS);
}

// Counts something that is not sent; `how` is lost or sampled.
export function leaveOut(kind, how) {
  const name = `${how}.${kind}`;
  missing[name] = (missing[name] || 0) + 1;
}

export function discard() {
  items = [];
  batches = [];
  missing = {};
  open = false;
  closed = true;
}

function plan(ms) {
  if (timer && ms) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    timer = 0;
    whenIdle(send);
  }, Math.max(ms, notBefore - Date.now()));
}

function whenIdle(work) {
  if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 2_000 });
  else setTimeout(work, 0);
}

function pack() {
  if (!items.length && !Object.keys(missing).length) return;
  while (items.length || Object.keys(missing).length) {
    batches.push({ ...describe(), batch: makeId(), items: items.splice(0, MAX_ITEMS), missing });
    missing = {};
  }
}

async function send() {
  if (!open || sending) return;
  pack();
  sending = true;
  try {
    while (batches.length && Date.now() >= notBefore) {
      const [batch] = batches;
      if (isOurs(batch) && (await post(batch)) === "again") break;
      done(batch);
    }
  } finally {
    sending = false;
  }
  store();
  if (batches.length) plan(GATHER_MS);
}

// Returns whether a batch is still to be sent: one that was kept and is gone was sent by another tab.
function isOurs(batch) {
  return !batch.kept || recall("localStorage", batch.kept) !== undefined;
}

function done(batch) {
  if (batch.kept) drop("localStorage", batch.kept);
  batches = batches.filter((each) => each !== batch);
}

// Returns what a batch is sent as.
function writeBatch({ kept, ...batch }) {
  return JSON.stringify({ ...batch, sent_at: Date.now() });
}

// Returns "done" when there is nothing more to do about a batch, "again" when it is to be tried later.
async function post(batch) {
  let answer;
  try {
    answer = await fetch(address(), {
      method: "POST",
      body: writeBatch(batch),
      headers: { "Content-Type": "text/plain" },
      credentials: "omit",
      keepalive: false,
    });
  } catch {
    return later(0);
  }
  if (answer.status === 429 || answer.status >= 500) return later(Number(answer.headers.get("Retry-After")) * 1000);
  waitMs = 0;
  return "done";
}

function later(asked) {
  waitMs = Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, waitMs * 2));
  notBefore = Date.now() + Math.max(asked || 0, waitMs * (0.5 + Math.random() / 2));
  return "again";
}

// The page is about to go: beacons for what fits into them, the rest is kept for the next page.
export function leave() {
  if (!open) return;
  pack();
  if (!sending && navigator.onLine !== false && navigator.sendBeacon) {
    for (const batch of batches) {
      const body = writeBatch(batch);
      // A text has no preflight, and the door takes it as it takes any other.
      const blob = new Blob([body], { type: "text/plain" });
      if (!isOurs(batch) || (body.length <= BEACON_BYTES && navigator.sendBeacon(address(), blob))) done(batch);
    }
  }
  store();
}

// Keeps what waits for the next page. Of what all tabs keep the oldest makes room.
function store() {
  for (const batch of batches) {
    if (batch.kept) continue;
    const name = `${KEPT}${Date.now()}.${batch.batch}`;
    if (keep("localStorage", name, batch)) batch.kept = name;
    else drop("localStorage", name);
  }
  const kept = list("localStorage", KEPT);
  let bytes = kept.reduce((sum, [, size]) => sum + size, 0);
  while (kept.length > MAX_BATCHES || bytes > MAX_KEPT_BYTES) {
    const [name, size] = kept.shift();
    bytes -= size;
    for (const item of recall("localStorage", name)?.items || []) leaveOut(item.t, "lost");
    drop("localStorage", name);
    batches = batches.filter((batch) => batch.kept !== name);
  }
}

function address() {
  return `${options.url}?key=${encodeURIComponent(options.key)}`;
}
