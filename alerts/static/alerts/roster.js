// [data-adds-to="id"] holds a select: what is chosen in it becomes a new line of the text field with that id.
for (const helper of document.querySelectorAll("[data-adds-to]")) {
  const select = helper.querySelector("select");
  const field = document.getElementById(helper.dataset.addsTo);
  helper.hidden = false;
  select.addEventListener("change", () => {
    if (!select.value) return;
    const lines = field.value.replace(/\s+$/, "");
    field.value = lines ? `${lines}\n${select.value}` : select.value;
    select.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
