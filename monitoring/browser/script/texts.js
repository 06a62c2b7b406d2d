// Texts of bounded length.

const MAX_TEXT = 2_000;

// Cuts a text without leaving half a character.
export function cut(text, limit) {
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, "");
}

// Returns any value as a text; some can't say what they are.
export function write(value, limit = MAX_TEXT) {
  try {
    return cut(String(value), limit);
  } catch {
    return "[object]";
  }
}
