// Sends one file as a form does, in one go: for servers that do not offer more.

import { remove, uploadUrl } from "./api.js";
import { ask } from "./ask.js";
import { text } from "./strings.js";

/** Gives what the server answers to a song that it takes; throws a Problem. */
export async function sendAsForm(file, model, { signal, progress }) {
  const form = new FormData();
  if (model) form.append("model", model);
  form.append("file", file, file.name);
  // What has left in full the server takes, whether anybody waits for its answer or not: it must be removed there.
  const leaving = new AbortController();
  let sentAll = false;
  signal.addEventListener("abort", () => !sentAll && leaving.abort());
  const sent = (bytes) => {
    sentAll = bytes >= file.size;
    if (!signal.aborted) progress(Math.min(bytes, file.size));
  };
  try {
    const track = JSON.parse((await ask("POST", uploadUrl, { body: form, signal: leaving.signal, sent })).responseText);
    if (signal.aborted) remove(track).catch(() => {});
    return track;
  } catch (problem) {
    if (problem.status === 0) problem.detail = text.trouble.networkDetail;
    throw problem;
  }
}
