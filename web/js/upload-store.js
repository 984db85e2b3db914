// Stores the addresses of unfinished uploads, so that an upload resumes when the same file is chosen again after a reload.

import { sendRequest } from "./xhr.js";

/** Kept across versions of the page: renaming it would lose unfinished uploads. */
const KEY = "karaoke.uploads";
const MAX_UPLOADS = 100;

/** Identifies an upload. The browser does not tell a file's path, so name, size and time of change stand for it. */
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
    localStorage.setItem(KEY, JSON.stringify([...uploads].slice(-MAX_UPLOADS)));
  } catch {
    // Storage is full or forbidden: the upload then lives as long as the page does.
  }
}

/** The address of the unfinished upload of this file, or null. */
export const uploadUrlOf = (file, model) => read().get(fingerprint(file, model)) ?? null;

/** All unfinished uploads: `{ name, size, url, forget() }`. */
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

/** Deletes the upload here and at the server. If the server cannot be reached, it expires there. */
export function cancelUpload(file, model) {
  const url = uploadUrlOf(file, model);
  if (!url) return;
  forgetUpload(file, model);
  const signal = new AbortController().signal;
  sendRequest("DELETE", url, { signal, headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {});
}
