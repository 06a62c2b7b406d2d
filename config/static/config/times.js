// Keeps relative times true while a page stays open: <time datetime data-ago>. The tooltip is in the reader's zone.
import { writeMoment } from "./formats.js";

const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

function ago(epochSeconds) {
  const distance = epochSeconds - Date.now() / 1000;
  if (Math.abs(distance) < 5) return "just now";
  const [unit, size] = STEPS.find(([, seconds]) => Math.abs(distance) >= seconds) ?? STEPS.at(-1);
  return WORDS.format(Math.trunc(distance / size), unit);
}

function write(time) {
  const epochSeconds = Date.parse(time.dateTime) / 1000;
  const text = ago(epochSeconds);
  if (time.textContent !== text) time.textContent = text;
  time.title = writeMoment(epochSeconds);
}

export function startTimes(root) {
  root.querySelectorAll("time[data-ago]").forEach(write);
}

setInterval(() => !document.hidden && startTimes(document), 10_000);
