// Asks after uploads of an earlier visit: what has arrived after all becomes a song here, what has not can be gone on with.

import { ask } from "./ask.js";
import * as library from "./library.js";
import { text } from "./strings.js";
import { unfinishedUploads } from "./upload-memory.js";

/** `{ songs, sentences }`: songs to show, and a sentence for each upload that waits for its file. */
export async function recall() {
  const [songs, sentences] = [[], []];
  for (const upload of unfinishedUploads()) {
    const standing = await stand(upload);
    if (standing?.id) {
      const song = { id: standing.id, passcode: standing.passcode, name: upload.name };
      library.remember({ ...song, added: Date.now() });
      songs.push(song);
      upload.forget();
    } else if (standing?.offset) {
      sentences.push(text.uploads.unfinished(upload.name, standing.offset / standing.length));
    }
  }
  return { songs, sentences };
}

/** Null when it cannot be told now; another page may be sending it. */
async function stand(upload) {
  try {
    return JSON.parse((await ask("GET", upload.url, { signal: new AbortController().signal })).responseText);
  } catch (problem) {
    const settled = problem.status >= 400 && problem.status < 500 && ![408, 423, 429].includes(problem.status);
    if (settled) upload.forget();
    return null;
  }
}
