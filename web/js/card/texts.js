// The texts of a song's card, made of the track and the state of the card. Pure.

import { deadlineWords } from "../deadline.js";
import { adviceFor, percent, text, timeLeft } from "../strings.js";

/** The title to show for a file name: without its extension. */
export const titleOf = (fileName) => fileName.replace(/\.[^.]{1,5}$/, "") || text.untitled;

/** The line under the title: artist and album, or the file name where the title comes from the file's tags. */
export function byline(track, state, fileName) {
  if (!track) return state === "failed" ? fileName : "";
  const { title, artist, album, file_name } = track;
  return [artist, album].filter(Boolean).join(" · ") || (title ? file_name : "");
}

/** The state of a file that is being uploaded: `fraction` 0 to 1 or null, `secondsLeft` or NaN. */
export const uploadStatus = (state, fraction, secondsLeft) =>
  [text.state[state], fraction !== null && percent(fraction), timeLeft(secondsLeft)].filter(Boolean).join(" · ");

/** The state of a track; while it is being separated, with its progress and the time left. */
export function trackStatus(track) {
  const separating = track.state === "separating";
  return [
    text.state[track.state] ?? track.state,
    separating && percent(track.progress),
    separating && track.eta_s != null && timeLeft(track.eta_s),
    deadlineWords(track),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** The error box `{ title, detail, advice, retry }` of a card, or null. */
export function errorBox(state, problem, canRetry) {
  if (state === "cancelled") {
    return { title: text.problem.cancelled, detail: text.problem.cancelledDetail, advice: text.advice.cancelled };
  }
  if (state !== "failed") return null;
  const { title, detail, status } = problem ?? { title: text.problem.unknown };
  // A detail from the server already says what to do.
  const advice = status && detail ? "" : adviceFor(status);
  return { title, detail, advice, retry: canRetry };
}
