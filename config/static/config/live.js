// Parts of a page that renew themselves: [data-live="10"] is asked for again every 10 s by HTMX (hx-trigger="refresh"),
// not while the tab is hidden, and at once when it comes back.
const asked = new WeakMap();

function refreshDue() {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-live]")) {
    const last = asked.get(part) ?? asked.set(part, Date.now()).get(part);
    if (Date.now() - last < Number(part.dataset.live) * 1000) continue;
    if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) continue;
    asked.set(part, Date.now());
    part.dispatchEvent(new CustomEvent("refresh"));
  }
}

export function startLive() {
  setInterval(refreshDue, 1000);
  document.addEventListener("visibilitychange", refreshDue);
}
