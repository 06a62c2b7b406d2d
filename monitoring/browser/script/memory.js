// What is kept in the browser: a visit in sessionStorage, what could not be sent in localStorage. No cookies. Where a browser
// allows neither, both live as long as the page.

const PREFIX = "postlaunch.";
const fallback = {};

export function recall(store, name) {
  try {
    const text = window[store].getItem(PREFIX + name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return fallback[store + name];
  }
}

export function keep(store, name, value) {
  try {
    window[store].setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    fallback[store + name] = value;
    return false;
  }
}

export function forget() {
  for (const store of ["localStorage", "sessionStorage"]) {
    try {
      for (const name of Object.keys(window[store])) {
        if (name.startsWith(PREFIX)) window[store].removeItem(name);
      }
    } catch {
      // Nothing is kept where nothing may be.
    }
  }
  for (const name of Object.keys(fallback)) delete fallback[name];
}
