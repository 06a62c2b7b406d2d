// Small help for forms: [data-submit-on-change] sends its form when chosen, [data-submit-on-enter] on Enter (Shift+Enter
// breaks the line), [data-confirm] asks before sending, [data-shows="x"] shows what is [data-shown-by="x"] and
// [data-shown-for] its value. A .pl-checklist that is long gets a field that shows only what it finds, and what is ticked.
const LONG_LIST = 8;

function addFilter(list) {
  if (list.dataset.formStarted || list.querySelectorAll("label").length <= LONG_LIST) return;
  list.dataset.formStarted = "yes";
  const filter = document.createElement("input");
  filter.type = "search";
  filter.className = "pl-checklist__filter";
  filter.placeholder = "Find…";
  filter.setAttribute("aria-label", "Show only what contains");
  list.prepend(filter);
}

// Listened to from above: lists of rows that are added later are copies of one that has its field already.
document.addEventListener("input", (event) => {
  if (!event.target.matches?.(".pl-checklist__filter")) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const label of event.target.parentElement.querySelectorAll("label")) {
    label.parentElement.hidden = !label.textContent.toLowerCase().includes(wanted) && !label.querySelector("input").checked;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.(".pl-checklist__filter")) event.preventDefault();
});

function showFor(control) {
  for (const part of document.querySelectorAll(`[data-shown-by="${control.dataset.shows}"]`)) {
    part.hidden = part.dataset.shownFor !== control.value;
  }
}

export function startForms(root) {
  for (const list of root.querySelectorAll("div.pl-checklist")) addFilter(list);
  for (const control of root.querySelectorAll("[data-shows]")) {
    if (control.dataset.formStarted) continue;
    control.dataset.formStarted = "yes";
    control.addEventListener("change", () => showFor(control));
    showFor(control);
  }
  for (const control of root.querySelectorAll("[data-submit-on-change]")) {
    if (control.dataset.formStarted) continue;
    control.dataset.formStarted = "yes";
    control.addEventListener("change", () => control.form.requestSubmit());
  }
  for (const control of root.querySelectorAll("[data-submit-on-enter]")) {
    if (control.dataset.formStarted) continue;
    control.dataset.formStarted = "yes";
    control.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      control.form.requestSubmit();
    });
  }
  for (const form of root.querySelectorAll("form[data-confirm]")) {
    if (form.dataset.formStarted) continue;
    form.dataset.formStarted = "yes";
    form.addEventListener("submit", (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
}
