// Sends one file in parts by the tus protocol (1.0.0) and, whatever happens to the connection, goes on where the server is.

import { ask } from "./ask.js";
import { Problem } from "./api.js";
import { text } from "./strings.js";
import { forgetUpload, rememberUpload, uploadAddress } from "./upload-memory.js";

const UPLOADS = "/api/v1/uploads";
const PART_BYTES = 8 << 20;
const PAUSES_S = [0.5, 1, 2, 4, 8, 15, 30];
/** The upload stands as it is and another try may work: no connection, a proxy without its server, another writer, … */
const IN_USE = 423;
const PASSING = [0, 408, 409, IN_USE, 460, 502, 504];
const GONE = [404, 410];
const MAX_NEW_BEGINNINGS = 3;

/** Gives what the server answers to a song that it takes; throws a Problem. */
export async function sendInParts(file, model, { signal, progress, lost }) {
  const upload = { file, model, signal, progress, at: 0, url: uploadAddress(file, model) };
  let [failures, beginnings] = [0, 0];
  for (;;) {
    const before = upload.at;
    try {
      return await goOn(upload);
    } catch (problem) {
      if (signal.aborted) throw problem;
      const gone = upload.url && GONE.includes(problem.status);
      if (gone && (beginnings += 1) <= MAX_NEW_BEGINNINGS) {
        forgetUpload(file, model);
        [upload.url, upload.at] = [null, 0];
        continue;
      }
      if (!PASSING.includes(problem.status)) throw settled(upload, problem);
      await checkReadable(file);
      failures = upload.at > before ? 0 : failures + 1;
      // The server may only not have noticed yet that this page's own connection was cut.
      const elsewhere = problem.status === IN_USE && failures > 3;
      const tell = (seconds) => lost({ sent: upload.at, seconds, elsewhere });
      await pause(PAUSES_S[Math.min(failures, PAUSES_S.length - 1)], signal, tell);
    }
  }
}

async function goOn(upload) {
  upload.url ??= await create(upload);
  for (;;) {
    const standing = JSON.parse((await request("GET", upload)).responseText);
    if (standing.id) {
      forgetUpload(upload.file, upload.model);
      return standing;
    }
    upload.at = standing.offset;
    // At least one: an empty part at the end asks once more for the track.
    do await sendPart(upload);
    while (upload.at < upload.file.size);
  }
}

async function create({ file, model, signal }) {
  const words = Object.entries({ filename: file.name, model: model ?? "" }).filter(([, value]) => value);
  const headers = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": String(file.size),
    "Upload-Metadata": words.map(([key, value]) => `${key} ${base64(value)}`).join(","),
  };
  try {
    const answer = await ask("POST", UPLOADS, { headers, signal });
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
    sent: (bytes) => upload.progress(Math.min(at + bytes, at + part.size)),
  });
  upload.at = Number(answer.getResponseHeader("Upload-Offset"));
}

function request(method, { url, signal }, { headers = {}, ...rest } = {}) {
  return ask(method, url, { signal, headers: { "Tus-Resumable": "1.0.0", ...headers }, ...rest });
}

/** What the server has refused for good is not gone on with when the file is chosen again. */
function settled({ file, model }, problem) {
  if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) forgetUpload(file, model);
  return problem;
}

/** A file that was moved or changed cannot be told from a lost connection by the request alone. */
async function checkReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem({ title: text.uploads.unreadable, detail: text.uploads.unreadableDetail(file.name), status: 422 });
  }
}

/** Counts down; ends early when the browser says that it is connected again. */
async function pause(seconds, signal, tell) {
  const back = new AbortController();
  addEventListener("online", () => back.abort(), { once: true, signal });
  for (let left = seconds; left > 0 && !signal.aborted && !back.signal.aborted; left -= 1) {
    tell(left);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(left, 1) * 1000);
      for (const end of [signal, back.signal]) end.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

const base64 = (words) => btoa(String.fromCharCode(...new TextEncoder().encode(words)));
