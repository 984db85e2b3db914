// Sends songs to the server one after another, with progress.

import { Problem, remove, uploadUrl } from "./api.js";
import { text } from "./strings.js";

const FALLBACK_RETRY_S = 5;
const MAX_BUSY_RETRIES = 20;

const queue = [];
let current = null;

/**
 * Queues a file. Calls `handlers.begun()`, `.progress({ fraction, secondsLeft })`, `.busy(seconds)`,
 * then `.accepted(track)` or `.failed(problem)`. The returned function withdraws it at any time.
 */
export function upload(file, model, handlers) {
  const job = { file, model, handlers, xhr: null, timer: 0, busy: 0, sent: false, withdrawn: false };
  queue.push(job);
  next();
  return () => withdraw(job);
}

function next() {
  if (current || !queue.length) return;
  current = queue.shift();
  current.handlers.begun();
  send(current);
}

function settle(job, act) {
  if (job.withdrawn || current !== job) return;
  current = null;
  try {
    act();
  } finally {
    next();
  }
}

function withdraw(job) {
  job.withdrawn = true;
  clearTimeout(job.timer);
  // What the server already has in full must be removed there: see `answer`.
  if (!job.sent) job.xhr?.abort();
  const place = queue.indexOf(job);
  if (place >= 0) queue.splice(place, 1);
  if (current === job) current = null;
  next();
}

function send(job) {
  const form = new FormData();
  if (job.model) form.append("model", job.model);
  form.append("file", job.file, job.file.name);

  const xhr = new XMLHttpRequest();
  job.xhr = xhr;
  const speed = speedometer();
  xhr.upload.onprogress = ({ loaded, total }) =>
    job.handlers.progress({ fraction: total ? loaded / total : 0, secondsLeft: (total - loaded) / speed(loaded) });
  xhr.upload.onload = () => {
    job.sent = true;
  };
  xhr.onload = () => answer(job, xhr);
  xhr.onerror = xhr.ontimeout = () =>
    settle(job, () =>
      job.handlers.failed(
        new Problem({ title: text.trouble.network, detail: text.trouble.networkDetail, status: 0 }),
      ),
    );
  xhr.open("POST", uploadUrl);
  xhr.setRequestHeader("Accept", "application/json");
  xhr.send(form);
}

function answer(job, xhr) {
  const accepted = xhr.status >= 200 && xhr.status < 300;
  if (job.withdrawn) {
    // Nobody waits for this any more; a server that cannot be reached now forgets it in its own time.
    if (accepted) remove(JSON.parse(xhr.responseText)).catch(() => {});
  } else if (accepted) {
    settle(job, () => job.handlers.accepted(JSON.parse(xhr.responseText)));
  } else if ((xhr.status === 503 || xhr.status === 429) && job.busy < MAX_BUSY_RETRIES) {
    const wait = Number(xhr.getResponseHeader("Retry-After")) || FALLBACK_RETRY_S;
    countDown(job, wait);
  } else {
    settle(job, () => job.handlers.failed(Problem.parse(xhr.status, xhr.responseText)));
  }
}

function countDown(job, seconds) {
  if (job.withdrawn) return;
  if (seconds <= 0) {
    job.busy += 1;
    job.sent = false;
    send(job);
    return;
  }
  job.handlers.busy(seconds);
  job.timer = setTimeout(() => countDown(job, seconds - 1), 1000);
}

/** Bytes a second, smoothed, so that the time left does not jump about. */
function speedometer() {
  let [lastBytes, lastTime, rate] = [0, performance.now(), 0];
  return (loaded) => {
    const now = performance.now();
    const seconds = (now - lastTime) / 1000;
    if (seconds > 0.2) {
      const measured = (loaded - lastBytes) / seconds;
      rate = rate ? rate * 0.7 + measured * 0.3 : measured;
      [lastBytes, lastTime] = [loaded, now];
    }
    return rate;
  };
}
