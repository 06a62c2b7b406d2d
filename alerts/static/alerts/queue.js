// The queue of alerts: j and k move, Enter opens, x selects, a acknowledges; rows renew themselves in place.
const REFRESH_SECONDS = 10;
const TABLE = "#result_list";
let current = null; // id of the alert the keyboard is at
let place = 0; // its row, for when the alert leaves the list

const rows = () => [...document.querySelectorAll(`${TABLE} tr.data-row`)];
const idOf = (row) => row.querySelector("[data-alert]")?.dataset.alert ?? null;
const isTyping = () => document.activeElement?.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");

function mark() {
  const all = rows();
  if (current !== null && !all.some((row) => idOf(row) === current)) {
    current = all.length ? idOf(all[Math.min(place, all.length - 1)]) : null;
  }
  for (const row of all) {
    const isCurrent = current !== null && idOf(row) === current;
    row.classList.toggle("pl-current", isCurrent);
    row.toggleAttribute("aria-current", isCurrent);
  }
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => idOf(row) === current);
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  current = idOf(next);
  place = all.indexOf(next);
  mark();
  next.scrollIntoView({ block: "nearest" });
}

const currentRow = () => rows().find((row) => idOf(row) === current);

function open() {
  currentRow()?.querySelector("th a, td a")?.click();
}

function select() {
  currentRow()?.querySelector("input.action-select")?.click();
}

async function acknowledge() {
  const row = currentRow();
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (!row || !token || row.querySelector("[data-alert]").dataset.open !== "1") return;
  const address = new URL(`${current}/acknowledge/`, window.location.href.split("?")[0]);
  const answer = await fetch(address, { method: "POST", headers: { "X-CSRFToken": token }, credentials: "same-origin" });
  if (answer.ok) await renew();
}

async function renew() {
  const isBusy = document.hidden || isTyping() || document.querySelector("input.action-select:checked");
  if (isBusy) return;
  const answer = await fetch(window.location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [before, after] = [document.querySelector(TABLE), page.querySelector(TABLE)];
  if (!before || !after) {
    // From empty to not empty or back: the page's frame differs, so load it whole.
    if (before || after) window.location.reload();
    return;
  }
  if (document.querySelector("input.action-select:checked")) return;
  before.replaceWith(after);
  // The framework counts what is selected; its handlers went with the old boxes.
  const parent = after.closest(".result-list-wrapper");
  if (parent) window.Actions?.(after.querySelectorAll("tr input.action-select"), { parent });
  document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: after } }));
  mark();
}

const KEYS = { j: () => move(1), k: () => move(-1), Enter: open, x: select, a: acknowledge };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping()) return;
  if (event.key === "Enter" && (current === null || document.activeElement?.matches("a, button, summary"))) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
setInterval(renew, REFRESH_SECONDS * 1000);
