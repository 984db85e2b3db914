// Adds the song of a shared link to this browser's library, and removes the passcode from the address bar.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import * as library from "./library.js";
import { keyIn } from "./song-link.js";
import { text } from "./strings.js";

/** `{ song: { id, passcode, name } }`, or `{ problem }`: why there is none, as a sentence. */
export async function addSharedSong() {
  const key = keyIn(location.hash);
  history.replaceState(null, "", location.pathname + location.search);
  if (!key) return { problem: text.share.broken };
  try {
    const track = await api.track(key);
    const song = { ...key, name: track.file_name };
    if (!library.saved().some(({ id }) => id === key.id)) {
      library.remember({ ...song, added: Date.now() });
      announce(text.share.taken(track.title || track.file_name));
    }
    return { song };
  } catch (problem) {
    return { problem: problem.status === 0 || problem.status >= 500 ? text.share.offline : text.share.gone };
  }
}
