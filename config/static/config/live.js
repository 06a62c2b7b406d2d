// Parts of a page that renew themselves: [data-live="10"] is asked for again every 10 s by HTMX (hx-trigger="refresh"),
// not while the tab is hidden, and at once when it comes back. What did not change is left alone.
const asked = new WeakMap();
const shown = new WeakMap();

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

function judgeAnswer(event) {
  const { target, xhr } = event.detail;
  if (!target.matches("[data-live]")) return;
  // Signed out: the answer is the login page. Loading this page again leads there and back.
  if (new URL(xhr.responseURL).pathname.endsWith("/login/")) {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  if (shown.get(target) === event.detail.serverResponse) event.detail.shouldSwap = false;
  if (xhr.status < 400) shown.set(target, event.detail.serverResponse);
}

function tellOffline(isOffline) {
  let note = document.getElementById("pl-offline");
  if (!note && isOffline) {
    note = document.createElement("p");
    note.id = "pl-offline";
    note.setAttribute("role", "status");
    note.textContent = "The server can't be reached. What you see may be old; it is asked again by itself.";
    document.body.append(note);
  }
  if (note) note.hidden = !isOffline;
}

export function startLive() {
  setInterval(refreshDue, 1000);
  document.addEventListener("visibilitychange", refreshDue);
  document.addEventListener("htmx:beforeSwap", judgeAnswer);
  document.addEventListener("htmx:sendError", () => tellOffline(true));
  document.addEventListener("htmx:afterRequest", (event) => event.detail.xhr?.status > 0 && tellOffline(false));
}
