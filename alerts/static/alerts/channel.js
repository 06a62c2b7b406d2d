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
const hints = {
  email: "One or more, separated by commas. Empty: everyone in ALERT_EMAILS, or else all administrators.",
  webhook: "The whole URL that is called.",
  sms: "Like +491701234567, separated by commas. Empty: only people who chose SMS for themselves.",
  phone: "Like +491701234567, separated by commas. Empty: only people who chose calls for themselves.",
};
const urlHints = {
  slack: "The URL of an incoming webhook, like https://hooks.slack.com/services/….",
  teams: "The URL that the workflow “Post to a channel when a webhook request is received” shows.",
  apprise: "An Apprise address, like discord://…, ntfys://… or jsons://….",
};
const KEPT = "Kept encrypted and never shown again; leave empty to keep the one there is.";
const optional = new Set(Object.values(shown).flat());

// Without this script the help of a field speaks of every kind.
function hint(name, words) {
  const help = document.querySelector(`.field-${name} .leading-relaxed`);
  if (help) help.textContent = words;
}

function arrange(kind) {
  for (const name of optional) {
    const row = document.querySelector(`.field-${CSS.escape(name)}`);
    if (row) row.hidden = !shown[kind]?.includes(name);
  }
  const label = document.querySelector('label[for="id_address"]');
  if (label) label.textContent = labels[kind] ?? "Name of the room";
  hint("address", hints[kind] ?? "What people call it, like #ops.");
  hint("url", `${urlHints[kind]} ${KEPT}`);
}

const kind = document.querySelector("select[name=kind]");
if (kind) {
  kind.addEventListener("change", () => arrange(kind.value));
  // The theme's select may set the value without an event of its own.
  document.addEventListener("input", () => arrange(kind.value));
  arrange(kind.value);
}
