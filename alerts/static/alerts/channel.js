// The form of a channel shows only what its kind has: fields hang on the value of [name=kind].
const shown = {
  email: ["title_template", "body_template"],
  webhook: ["signing_secret"],
  slack: ["url", "title_template", "body_template"],
  teams: ["url", "title_template", "body_template"],
  apprise: ["url", "title_template", "body_template"],
  sms: ["account_sid", "auth_token", "from_number", "body_template"],
  phone: ["account_sid", "auth_token", "from_number", "body_template"],
};
const labels = {
  email: "Addresses",
  webhook: "URL",
  sms: "To numbers",
  phone: "To numbers",
};
const optional = new Set(Object.values(shown).flat());

function arrange(kind) {
  for (const name of optional) {
    const row = document.querySelector(`.field-${CSS.escape(name)}`);
    if (row) row.hidden = !shown[kind]?.includes(name);
  }
  const label = document.querySelector('label[for="id_address"]');
  if (label) label.textContent = labels[kind] ?? "Name of the room";
}

const kind = document.querySelector("select[name=kind]");
if (kind) {
  kind.addEventListener("change", () => arrange(kind.value));
  // The theme's select may set the value without an event of its own.
  document.addEventListener("input", () => arrange(kind.value));
  arrange(kind.value);
}
