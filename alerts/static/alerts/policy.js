// The steps of a policy: of each, only what its kind needs is shown.
const NEEDS = {
  channel: ["channels"],
  person: ["people"],
  round_robin: ["people"],
  team: ["teams"],
  schedule: ["schedules"],
  wait: ["seconds"],
  if_time: ["from_time", "until_time", "weekdays", "zone"],
  if_count: ["count", "seconds"],
  repeat: ["count"],
  declare_incident: [],
};
const OPTIONAL = new Set(Object.values(NEEDS).flat());

function show(select) {
  const prefix = select.name.slice(0, -"kind".length);
  const needed = new Set(NEEDS[select.value] ?? []);
  const scope = select.closest(".inline-related") ?? select.form;
  for (const name of OPTIONAL) {
    const field = scope.querySelector(`[id="id_${prefix}${name}"], [name="${prefix}${name}"], [name^="${prefix}${name}_"]`);
    const row = field?.closest(".field-line, .form-row, [class*='field-']");
    if (row) row.hidden = !needed.has(name);
  }
  const help = select.closest(".field-line, .form-row, [class*='field-']")?.querySelector("[data-kind-help]");
  if (help) help.hidden = help.dataset.kindHelp !== select.value;
}

function showAll(root) {
  for (const select of root.querySelectorAll('select[name^="steps-"][name$="-kind"]')) show(select);
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.('select[name^="steps-"][name$="-kind"]')) show(event.target);
});
document.addEventListener("formset:added", (event) => showAll(event.target));
showAll(document);
