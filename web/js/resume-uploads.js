// Checks the unfinished uploads of earlier visits: a complete one becomes a song, for a partial one the user is asked for the file.

import { sendRequest } from "./xhr.js";
import * as library from "./library.js";
import { text } from "./strings.js";
import { unfinishedUploads } from "./upload-store.js";

/** `{ songs, messages }`: completed songs `{ id, passcode, name }`, and a message for each upload that needs its file. */
export async function checkUnfinishedUploads() {
  const [songs, messages] = [[], []];
  for (const upload of unfinishedUploads()) {
    const status = await statusOf(upload);
    if (status?.id) {
      const song = { id: status.id, passcode: status.passcode, name: upload.name };
      library.remember({ ...song, added: Date.now() });
      songs.push(song);
      upload.forget();
    } else if (status?.offset) {
      messages.push(text.uploads.unfinished(upload.name, status.offset / status.length));
    }
  }
  return { songs, messages };
}

/** The upload's status, or null: it is gone, the server cannot be reached, or another page is sending it. */
async function statusOf(upload) {
  try {
    return JSON.parse((await sendRequest("GET", upload.url, { signal: new AbortController().signal })).responseText);
  } catch (problem) {
    const isFinal = problem.status >= 400 && problem.status < 500 && ![408, 423, 429].includes(problem.status);
    if (isFinal) upload.forget();
    return null;
  }
}
