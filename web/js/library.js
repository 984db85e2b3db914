// Remembers this browser's songs and their passcodes across reloads.

/** Kept across versions of the page: renaming it would lose the user's songs. */
const KEY = "karaoke.tracks";

function read() {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) || "[]");
    return Array.isArray(saved) ? saved.filter((t) => t?.id && t?.passcode) : [];
  } catch {
    return [];
  }
}

function write(tracks) {
  try {
    localStorage.setItem(KEY, JSON.stringify(tracks));
  } catch {
    // Storage is full or forbidden: the songs then live as long as the page does.
  }
}

/** `{ id, passcode, name, added }`, the newest first. */
export const saved = () => read().sort((a, b) => (b.added ?? 0) - (a.added ?? 0));

export function remember({ id, passcode, name, added }) {
  write([{ id, passcode, name, added }, ...read().filter((t) => t.id !== id)]);
}

export function forget(id) {
  write(read().filter((t) => t.id !== id));
}

/** Whether there are unfinished uploads; `upload-store.js` reads them. */
export function hasUnfinished() {
  try {
    return (localStorage.getItem("karaoke.uploads") ?? "[]") !== "[]";
  } catch {
    return false;
  }
}
