// Small help for forms: [data-submit-on-change] sends its form when chosen, [data-submit-on-enter] on Enter (Shift+Enter
// breaks the line), [data-confirm] asks before sending, [data-shows="x"] shows what is [data-shown-by="x"] and
// [data-shown-for] its value.
function showFor(control) {
  for (const part of document.querySelectorAll(`[data-shown-by="${control.dataset.shows}"]`)) {
    part.hidden = part.dataset.shownFor !== control.value;
  }
}

export function startForms(root) {
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
