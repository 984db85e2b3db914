// Uploads one file as a multipart form, for servers without resumable uploads.

import { chosenDeadline } from "./deadline.js";
import { chosenEmail } from "./notify.js";
import { remove, uploadUrl } from "./api.js";
import { sendRequest } from "./xhr.js";
import { text } from "./strings.js";

/** Resolves to the created track `{ id, passcode, … }`; throws a Problem. `progress(bytes)` reports what was sent. */
export async function uploadForm(file, model, { signal, progress }) {
  const form = new FormData();
  if (model) form.append("model", model);
  if (chosenDeadline()) form.append("deadline_s", chosenDeadline());
  if (chosenEmail()) form.append("email", chosenEmail());
  form.append("file", file, file.name);
  // Once the body was sent completely, the server creates the track even if the request is aborted: then remove it there.
  const request = new AbortController();
  let sentAll = false;
  signal.addEventListener("abort", () => !sentAll && request.abort());
  const onSent = (bytes) => {
    sentAll = bytes >= file.size;
    if (!signal.aborted) progress(Math.min(bytes, file.size));
  };
  try {
    const track = JSON.parse((await sendRequest("POST", uploadUrl, { body: form, signal: request.signal, onSent })).responseText);
    if (signal.aborted) remove(track).catch(() => {});
    return track;
  } catch (problem) {
    if (problem.status === 0) problem.detail = text.problem.networkDetail;
    throw problem;
  }
}
