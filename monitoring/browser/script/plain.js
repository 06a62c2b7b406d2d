// Values as JSON can hold them, whatever a page hands over: nothing that is added to the outbox may fail to be written.

import { describeElement } from "./items.js";
import { cut, write } from "./texts.js";

const MAX_DEPTH = 4;
const MAX_MEMBERS = 50;

// Returns what JSON can hold of a value, bounded in depth and number; undefined for functions and the like.
export function plain(value, depth = 0) {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string" || typeof value === "bigint") return write(value);
  if (typeof value !== "object") return undefined;
  if (depth >= MAX_DEPTH) return "…";
  try {
    if (value instanceof Date || value instanceof Error) return write(value);
    if (value.nodeType) return describeElement(value);
    if (Array.isArray(value)) return value.slice(0, MAX_MEMBERS).map((each) => plain(each, depth + 1) ?? null);
    const members = Object.entries(value).slice(0, MAX_MEMBERS);
    return Object.fromEntries(members.map(([name, each]) => [cut(name, 100), plain(each, depth + 1)]));
  } catch {
    return "[object]";
  }
}
