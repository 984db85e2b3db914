// What a card says when a song has failed or was cancelled.

import { adviceFor, text } from "./strings.js";

const LOCKED = [401, 403];

/** `{ title, detail, advice, retry }` of a card in `state`, or null when there is no trouble to show. */
export function troubleOf(state, problem, canRetry) {
  if (state === "cancelled") {
    return { title: text.trouble.cancelled, detail: text.trouble.cancelledDetail, advice: text.advice.cancelled };
  }
  if (state !== "failed") return null;
  const shown = problem ?? { title: text.trouble.unknown };
  if (LOCKED.includes(shown.status)) return { title: text.trouble.locked, advice: adviceFor(shown.status) };
  // What the server says in its own words says also what to do.
  const advice = shown.status && shown.detail ? "" : adviceFor(shown.status);
  return { title: shown.title, detail: shown.detail, advice, retry: canRetry };
}
