// One request whose body can be watched leaving; a connection on which nothing moves any more is given up.

import { Problem } from "./api.js";

/** Nothing moves for so long: the connection is dead, though nobody has said so. The server may read a large file through first. */
const PATIENCE_MS = 45_000;

/** Gives the answered XMLHttpRequest, or throws a Problem: what the server says, or status 0. `sent(bytes)` follows the body. */
export function ask(method, url, { headers = {}, body = null, signal, sent = () => {} }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(Problem.network());
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    let timer = 0;
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, PATIENCE_MS);
    };
    xhr.upload.onprogress = ({ loaded }) => {
      moved();
      sent(loaded);
    };
    xhr.onload = () => (xhr.status < 400 ? resolve(xhr) : reject(refusal(xhr)));
    xhr.onerror = xhr.onabort = () => reject(Problem.network());
    xhr.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop);
    xhr.open(method, url);
    xhr.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    moved();
    xhr.send(body);
  });
}

function refusal(xhr) {
  const problem = Problem.parse(xhr.status, xhr.responseText);
  problem.retryAfter = Number(xhr.getResponseHeader("Retry-After")) || 0;
  return problem;
}
