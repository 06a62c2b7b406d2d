// Mornings of a silence are the reader's: [data-reader-zone] gets the zone of this browser.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const field of document.querySelectorAll("[data-reader-zone]")) field.value = zone ?? "";
