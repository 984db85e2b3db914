// A request by XMLHttpRequest, which unlike `fetch` reports the progress of the upload. A stalled connection is aborted.

import { Problem } from "./api.js";

/** Without progress for this long the connection counts as dead. Long, because the server may first check a large file. */
const STALL_TIMEOUT_MS = 45_000;

/**
 * Resolves to the XMLHttpRequest; rejects with a Problem: the server's, or status 0 for a network error or an abort.
 * `onSent(bytes)` reports how much of the body was sent.
 */
export function sendRequest(method, url, { headers = {}, body = null, signal, onSent = () => {} }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(Problem.network());
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    let timer = 0;
    const onProgress = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, STALL_TIMEOUT_MS);
    };
    xhr.upload.onprogress = ({ loaded }) => {
      onProgress();
      onSent(loaded);
    };
    xhr.onload = () => (xhr.status < 400 ? resolve(xhr) : reject(problemOf(xhr)));
    xhr.onerror = xhr.onabort = () => reject(Problem.network());
    xhr.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
    xhr.open(method, url);
    xhr.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    onProgress();
    xhr.send(body);
  });
}

function problemOf(xhr) {
  const problem = Problem.parse(xhr.status, xhr.responseText);
  problem.retryAfter = Number(xhr.getResponseHeader("Retry-After")) || 0;
  return problem;
}
