// Uploads one file in parts by the tus protocol (1.0.0). After an error it resumes at the server's offset.

import { chosenDeadline } from "./deadline.js";
import { chosenEmail } from "./notify.js";
import { sendRequest } from "./xhr.js";
import { Problem } from "./api.js";
import { text } from "./strings.js";
import { forgetUpload, rememberUpload, uploadUrlOf } from "./upload-store.js";

const UPLOADS = "/api/v1/uploads";
const PART_BYTES = 8 << 20;
const BACK_OFF_S = [0.5, 1, 2, 4, 8, 15, 30];
/** Another request writes to this upload. */
const LOCKED = 423;
/** Statuses after which the upload can be resumed: no connection, a proxy without its server, a locked upload, … */
const TRANSIENT = [0, 408, 409, LOCKED, 460, 502, 504];
const GONE = [404, 410];
const MAX_RESTARTS = 3;

/**
 * Resolves to the created track `{ id, passcode, … }`; throws a Problem. `progress(bytes)` reports what the server has;
 * `lost({ sent, seconds, elsewhere })` counts down to the next attempt.
 */
export async function uploadInParts(file, model, { signal, progress, lost }) {
  const upload = { file, model, signal, progress, at: 0, url: uploadUrlOf(file, model) };
  let [failures, restarts] = [0, 0];
  for (;;) {
    const before = upload.at;
    try {
      return await resume(upload);
    } catch (problem) {
      if (signal.aborted) throw problem;
      const gone = upload.url && GONE.includes(problem.status);
      if (gone && (restarts += 1) <= MAX_RESTARTS) {
        forgetUpload(file, model);
        [upload.url, upload.at] = [null, 0];
        continue;
      }
      if (!TRANSIENT.includes(problem.status)) throw forgetIfFinal(upload, problem);
      await checkReadable(file);
      failures = upload.at > before ? 0 : failures + 1;
      // At first the lock may be left over from this page's own lost connection.
      const elsewhere = problem.status === LOCKED && failures > 3;
      const onWait = (seconds) => lost({ sent: upload.at, seconds, elsewhere });
      await wait(BACK_OFF_S[Math.min(failures, BACK_OFF_S.length - 1)], signal, onWait);
    }
  }
}

async function resume(upload) {
  upload.url ??= await create(upload);
  for (;;) {
    const status = JSON.parse((await request("GET", upload)).responseText);
    if (status.id) {
      forgetUpload(upload.file, upload.model);
      return status;
    }
    upload.at = status.offset;
    // At least one request: with an empty part the server answers with the track again.
    do await sendPart(upload);
    while (upload.at < upload.file.size);
  }
}

async function create({ file, model, signal }) {
  const given = { filename: file.name, model: model ?? "", deadline_s: chosenDeadline(), email: chosenEmail() };
  const metadata = Object.entries(given).filter(([, value]) => value);
  const headers = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata.map(([key, value]) => `${key} ${base64(value)}`).join(","),
  };
  try {
    const answer = await sendRequest("POST", UPLOADS, { headers, signal });
    // Only the path: behind a proxy the server may not know its own name.
    const url = new URL(answer.getResponseHeader("Location"), location.href).pathname;
    rememberUpload(file, model, url);
    return url;
  } catch (problem) {
    problem.notOffered = GONE.includes(problem.status) || problem.status === 405;
    throw problem;
  }
}

async function sendPart(upload) {
  const { file, at } = upload;
  const part = file.slice(at, at + PART_BYTES);
  upload.progress(at);
  const answer = await request("PATCH", upload, {
    headers: { "Upload-Offset": String(at), "Content-Type": "application/offset+octet-stream" },
    body: part,
    onSent: (bytes) => upload.progress(Math.min(at + bytes, at + part.size)),
  });
  upload.at = Number(answer.getResponseHeader("Upload-Offset"));
}

function request(method, { url, signal }, { headers = {}, ...rest } = {}) {
  return sendRequest(method, url, { signal, headers: { "Tus-Resumable": "1.0.0", ...headers }, ...rest });
}

/** An upload that the server has finally refused is not resumed when the file is chosen again. */
function forgetIfFinal({ file, model }, problem) {
  if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) forgetUpload(file, model);
  return problem;
}

/** Throws if the file was moved or changed: the request alone fails in the same way as on a lost connection. */
async function checkReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem({ title: text.uploads.unreadable, detail: text.uploads.unreadableDetail(file.name), status: 422 });
  }
}

/** Counts down; ends early when the browser is online again. */
async function wait(seconds, signal, onWait) {
  const back = new AbortController();
  addEventListener("online", () => back.abort(), { once: true, signal });
  for (let left = seconds; left > 0 && !signal.aborted && !back.signal.aborted; left -= 1) {
    onWait(left);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(left, 1) * 1000);
      for (const end of [signal, back.signal]) end.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

const base64 = (words) => btoa(String.fromCharCode(...new TextEncoder().encode(words)));
