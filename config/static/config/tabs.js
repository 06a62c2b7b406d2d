// [data-tabs]: one panel at a time, arrow keys move between tabs; the address remembers which (#how-…).
function choose(tabs, tab) {
  for (const one of tabs) {
    const isChosen = one === tab;
    one.setAttribute("aria-selected", isChosen);
    one.tabIndex = isChosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

function move(tabs, event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(event.currentTarget) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}

export function startTabs(root) {
  for (const group of root.querySelectorAll("[data-tabs]")) {
    if (group.dataset.tabsStarted) continue;
    group.dataset.tabsStarted = "yes";
    const tabs = [...group.querySelectorAll("[role=tab]")];
    for (const tab of tabs) {
      tab.addEventListener("click", () => {
        choose(tabs, tab);
        history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
      });
      tab.addEventListener("keydown", (event) => move(tabs, event));
    }
    const named = tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
    if (named) choose(tabs, named);
  }
}
