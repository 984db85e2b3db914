// Lists the songs in folders and their subfolders, in natural order (2 before 10).

import { isAudioFile } from "./file-check.js";

/** Most files read from a folder. */
const MAX_FILES = 2000;
const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;

/** Reads dropped folders (file system entries); calls `onFolder({ name, files, others })` for each. */
export async function readDroppedFolders(folders, onFolder) {
  for (const folder of folders) {
    const found = [];
    await walk(folder, "", found);
    onFolder(selectSongs(folder.name, found));
  }
}

/** The same for a chosen folder, whose files the browser has listed already. */
export function readChosenFolder(files, onFolder) {
  const name = files[0].webkitRelativePath.split("/")[0];
  onFolder(selectSongs(name, files.map((file) => ({ file, path: file.webkitRelativePath }))));
}

function selectSongs(name, found) {
  found.sort((a, b) => compareNames(a.path, b.path));
  const files = found.map(({ file }) => file).filter(isAudioFile);
  return { name, files, others: found.length - files.length };
}

async function walk(folder, path, found) {
  const reader = folder.createReader();
  for (;;) {
    // A browser returns at most a hundred entries per call, and none at the end.
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!entries.length) return;
    for (const entry of entries) {
      const inside = `${path}/${entry.name}`;
      if (found.length >= MAX_FILES) return;
      if (entry.isDirectory) await walk(entry, inside, found);
      else if (!entry.name.startsWith(".")) {
        const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
        if (file) found.push({ file, path: inside });
      }
    }
  }
}
