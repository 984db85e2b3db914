// Finds the songs in folders, however deep, in the order in which a person would list them.

import { looksAudible } from "./refusal.js";

/** More files than this nobody means to hand in at once. */
const MOST = 2000;
const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;

/** Folders that were dropped: their entries. Tells of each when it has been read through. */
export async function opened(folders, tell) {
  for (const folder of folders) {
    const found = [];
    await walk(folder, "", found);
    tell(sift(folder.name, found));
  }
}

/** A folder that was chosen: the browser has listed it already. */
export function chosen(files, tell) {
  const name = files[0].webkitRelativePath.split("/")[0];
  tell(sift(name, files.map((file) => ({ file, path: file.webkitRelativePath }))));
}

function sift(name, found) {
  found.sort((a, b) => inOrder(a.path, b.path));
  const files = found.map(({ file }) => file).filter(looksAudible);
  return { name, files, others: found.length - files.length };
}

async function walk(folder, path, found) {
  const reader = folder.createReader();
  for (;;) {
    // A browser tells a hundred at a time, and none at the end.
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!entries.length) return;
    for (const entry of entries) {
      const inside = `${path}/${entry.name}`;
      if (found.length >= MOST) return;
      if (entry.isDirectory) await walk(entry, inside, found);
      else if (!entry.name.startsWith(".")) {
        const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
        if (file) found.push({ file, path: inside });
      }
    }
  }
}
