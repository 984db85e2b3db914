// Remembers where unfinished uploads are, so that the same file, chosen again after a reload, goes on.

import { ask } from "./ask.js";

const KEY = "karaoke.uploads";
const MOST = 100;

/** A browser does not tell a file's path: name, size and time stand for it, and the model for what is to be done. */
const fingerprint = (file, model) => [file.name, file.size, file.lastModified, model ?? ""].join("|");

function read() {
  try {
    return new Map(JSON.parse(localStorage.getItem(KEY) || "[]"));
  } catch {
    return new Map();
  }
}

function write(uploads) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...uploads].slice(-MOST)));
  } catch {
    // Storage is full or forbidden: the upload then lives as long as the page does.
  }
}

/** Where the upload of this file is, or null. */
export const uploadAddress = (file, model) => read().get(fingerprint(file, model)) ?? null;

/** All that were not seen to their end: `{ name, size, url, forget() }`. */
export function unfinishedUploads() {
  return [...read()].map(([key, url]) => {
    const parts = key.split("|");
    const [name, size] = [parts.slice(0, -3).join("|"), Number(parts.at(-3))];
    const forget = () => {
      const uploads = read();
      if (uploads.delete(key)) write(uploads);
    };
    return { name, size, url, forget };
  });
}

export function rememberUpload(file, model, url) {
  write(read().set(fingerprint(file, model), url));
}

export function forgetUpload(file, model) {
  const uploads = read();
  if (uploads.delete(fingerprint(file, model))) write(uploads);
}

/** Tells the server, too; one that cannot be reached forgets it in its own time. */
export function withdrawUpload(file, model) {
  const url = uploadAddress(file, model);
  if (!url) return;
  forgetUpload(file, model);
  const signal = new AbortController().signal;
  ask("DELETE", url, { signal, headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {});
}
