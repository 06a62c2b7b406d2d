// What is kept in the browser: a visit in sessionStorage, what could not be sent in localStorage. No cookies. Where a browser
// allows neither, both live as long as the page.

const PREFIX = "postlaunch.";
const fallback = {};
let silent = false;

// Keeps nothing from now on, or does again: what a visitor did not agree to leaves no trace.
export function silence(on) {
  silent = on;
}

export function recall(store, name) {
  try {
    const text = window[store].getItem(PREFIX + name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return fallback[store + name];
  }
}

export function keep(store, name, value) {
  if (silent) return false;
  try {
    window[store].setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    fallback[store + name] = value;
    return false;
  }
}

export function drop(store, name) {
  delete fallback[store + name];
  try {
    window[store].removeItem(PREFIX + name);
  } catch {
    // What can't be kept is not there.
  }
}

// Returns the names that begin so, in their order, with the length of what is kept under each.
export function list(store, start) {
  try {
    return Object.keys(window[store])
      .filter((key) => key.startsWith(PREFIX + start))
      .sort()
      .map((key) => [key.slice(PREFIX.length), window[store].getItem(key).length]);
  } catch {
    return [];
  }
}

export function forget() {
  for (const store of ["localStorage", "sessionStorage"]) for (const [name] of list(store, "")) drop(store, name);
  for (const name of Object.keys(fallback)) delete fallback[name];
}
