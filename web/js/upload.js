// The upload queue: uploads files one after another, and retries while the server is busy.

import { Problem } from "./api.js";
import { uploadForm } from "./form-upload.js";
import { cancelUpload } from "./upload-store.js";
import { uploadInParts } from "./tus.js";

const FALLBACK_RETRY_S = 5;
const MAX_BUSY_RETRIES = 20;

const queue = [];
let current = null;
let send = uploadInParts;

/**
 * Queues a file. Calls `handlers.begun()`, `.progress({ fraction, speed, secondsLeft })`, `.busy(seconds)`,
 * `.lost({ fraction, seconds, elsewhere })` while the connection is away or another window sends the file, then `.accepted(track)` or `.failed(problem)`.
 * The returned function cancels it at any time.
 */
export function upload(file, model, handlers) {
  const job = { file, model, handlers, abort: new AbortController() };
  queue.push(job);
  next();
  return () => cancel(job);
}

function next() {
  if (current || !queue.length) return;
  current = queue.shift();
  run(current);
}

async function run(job) {
  let report = () => {};
  try {
    job.handlers.begun();
    const track = await sendWhenReady(job);
    report = () => job.handlers.accepted(track);
  } catch (problem) {
    report = () => job.handlers.failed(problem instanceof Problem ? problem : new Problem());
  }
  try {
    if (!job.abort.signal.aborted) report();
  } finally {
    if (current === job) current = null;
    next();
  }
}

function cancel(job) {
  const place = queue.indexOf(job);
  if (place >= 0) queue.splice(place, 1);
  job.abort.abort();
  cancelUpload(job.file, job.model);
}

/** Sends a file; while the server is busy, waits as long as its `Retry-After` says. */
async function sendWhenReady(job) {
  for (let busy = 0; ; busy += 1) {
    try {
      return await sendOnce(job);
    } catch (problem) {
      const isBusy = problem.status === 503 || problem.status === 429;
      if (!isBusy || busy === MAX_BUSY_RETRIES || job.abort.signal.aborted) throw problem;
      await countDown(job, problem.retryAfter || FALLBACK_RETRY_S);
    }
  }
}

async function sendOnce(job) {
  const { file, model, handlers, abort } = job;
  const speedOf = speedMeter();
  const options = {
    signal: abort.signal,
    progress: (sent) => {
      const speed = speedOf(sent);
      handlers.progress({ fraction: sent / file.size, speed, secondsLeft: (file.size - sent) / speed });
    },
    lost: ({ sent, ...rest }) => handlers.lost({ fraction: sent / file.size, ...rest }),
  };
  try {
    return await send(file, model, options);
  } catch (problem) {
    if (!problem.notOffered) throw problem;
    // The server, or a proxy in front of it, does not support resumable uploads.
    send = uploadForm;
    return send(file, model, options);
  }
}

async function countDown(job, seconds) {
  for (let left = seconds; left > 0 && !job.abort.signal.aborted; left -= 1) {
    job.handlers.busy(left);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Returns a function that turns bytes sent so far into bytes per second, smoothed; bytes of earlier attempts do not count. */
function speedMeter() {
  let [lastBytes, lastTime, rate] = [null, performance.now(), 0];
  return (sent) => {
    const now = performance.now();
    const seconds = (now - lastTime) / 1000;
    if (lastBytes === null || sent < lastBytes) [lastBytes, lastTime] = [sent, now];
    else if (seconds > 0.3) {
      const measured = (sent - lastBytes) / seconds;
      rate = rate ? rate * 0.7 + measured * 0.3 : measured;
      [lastBytes, lastTime] = [sent, now];
    }
    return rate;
  };
}
