// Sends songs to the server one after another, with progress, and goes on after a lost connection.

import { Problem } from "./api.js";
import { sendAsForm } from "./form-upload.js";
import { withdrawUpload } from "./upload-memory.js";
import { sendInParts } from "./tus.js";

const FALLBACK_RETRY_S = 5;
const MAX_BUSY_RETRIES = 20;

const queue = [];
let current = null;
let send = sendInParts;

/**
 * Queues a file. Calls `handlers.begun()`, `.progress({ fraction, speed, secondsLeft })`, `.busy(seconds)`,
 * `.lost({ fraction, seconds, elsewhere })` while the connection is away or another window sends the file, then `.accepted(track)` or `.failed(problem)`.
 * The returned function withdraws it at any time.
 */
export function upload(file, model, handlers) {
  const job = { file, model, handlers, leaving: new AbortController() };
  queue.push(job);
  next();
  return () => withdraw(job);
}

function next() {
  if (current || !queue.length) return;
  current = queue.shift();
  run(current);
}

async function run(job) {
  let tell = () => {};
  try {
    job.handlers.begun();
    const track = await handIn(job);
    tell = () => job.handlers.accepted(track);
  } catch (problem) {
    tell = () => job.handlers.failed(problem instanceof Problem ? problem : new Problem());
  }
  try {
    if (!job.leaving.signal.aborted) tell();
  } finally {
    if (current === job) current = null;
    next();
  }
}

function withdraw(job) {
  const place = queue.indexOf(job);
  if (place >= 0) queue.splice(place, 1);
  job.leaving.abort();
  withdrawUpload(job.file, job.model);
}

/** Asks again, after as long as it says, when the server is busy. */
async function handIn(job) {
  for (let busy = 0; ; busy += 1) {
    try {
      return await sendOnce(job);
    } catch (problem) {
      const isBusy = problem.status === 503 || problem.status === 429;
      if (!isBusy || busy === MAX_BUSY_RETRIES || job.leaving.signal.aborted) throw problem;
      await countDown(job, problem.retryAfter || FALLBACK_RETRY_S);
    }
  }
}

async function sendOnce(job) {
  const { file, model, handlers, leaving } = job;
  const meter = speedometer();
  const options = {
    signal: leaving.signal,
    progress: (sent) => {
      const speed = meter(sent);
      handlers.progress({ fraction: sent / file.size, speed, secondsLeft: (file.size - sent) / speed });
    },
    lost: ({ sent, ...rest }) => handlers.lost({ fraction: sent / file.size, ...rest }),
  };
  try {
    return await send(file, model, options);
  } catch (problem) {
    if (!problem.notOffered) throw problem;
    // An older server, or a proxy that lets only forms through.
    send = sendAsForm;
    return send(file, model, options);
  }
}

async function countDown(job, seconds) {
  for (let left = seconds; left > 0 && !job.leaving.signal.aborted; left -= 1) {
    job.handlers.busy(left);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Bytes a second, smoothed, so that the time left does not jump about; what was there already does not count. */
function speedometer() {
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
