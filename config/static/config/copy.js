// [data-copy="#id"] copies the text of that element and says so.
async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.dataset.before ?? (label.dataset.before = label.textContent);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Selected: press Ctrl C";
  }
  setTimeout(() => (label.textContent = before), 2500);
}

export function startCopy(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (button.dataset.copyStarted) continue;
    button.dataset.copyStarted = "yes";
    button.addEventListener("click", () => copy(button));
  }
}
