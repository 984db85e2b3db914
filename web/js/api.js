// The client of the REST API: every answer is JSON, every failure a Problem.

import { text } from "./strings.js";

const BASE = "/api/v1";

/** An error of the server (RFC 9457), or a network error: status 0. */
export class Problem extends Error {
  constructor({ title, detail, status } = {}) {
    super(title || text.problem.unknown);
    this.title = title || text.problem.unknown;
    this.detail = detail || "";
    this.status = status ?? 0;
  }

  static network() {
    return new Problem({ title: text.problem.network, status: 0 });
  }

  static parse(status, body) {
    try {
      return new Problem({ status, ...JSON.parse(body) });
    } catch {
      return new Problem({ title: text.problem.refused, status });
    }
  }
}

/** Sends `json` as JSON, or `body` as it is; resolves to the parsed answer, rejects with a Problem. */
export async function request(path, { method = "GET", passcode, adminKey, json, body: sent } = {}) {
  const headers = { Accept: "application/json" };
  if (json) headers["Content-Type"] = "application/json";
  if (passcode) headers["X-Track-Passcode"] = passcode;
  if (adminKey) headers["X-Admin-Key"] = adminKey;
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, cache: "no-store", body: json ? JSON.stringify(json) : sent });
  } catch {
    throw Problem.network();
  }
  const body = await response.text();
  if (!response.ok) throw Problem.parse(response.status, body);
  return body ? JSON.parse(body) : null;
}

const at = (id) => `/tracks/${encodeURIComponent(id)}`;

/** What there is to choose from: `{ default, default_preset, models, available, presets, fetching, limits, email, removal }`. */
export const models = () => request("/models");
/** A song as it is now; `{ id, passcode }` is its key. */
export const track = ({ id, passcode }) => request(at(id), { passcode });

export const receipt = ({ id, passcode }) => request(`${at(id)}/receipt`, { passcode });
/** Has a song kept from removal by age or for room, or no longer; resolves to the song. */
export const keep = ({ id, passcode }, kept) => request(`${at(id)}/keep`, { method: kept ? "PUT" : "DELETE", passcode });
/** Cancels a song; resolves to the song. */
export const cancel = ({ id, passcode }) => request(`${at(id)}/cancel`, { method: "POST", passcode });
/** Deletes a song and everything kept of it. */
export const remove = ({ id, passcode }) => request(at(id), { method: "DELETE", passcode });

/** Requests the address of a ZIP of several songs: `{ tracks: [{ id, passcode }], stems, format }`; without `stems` all stems. */
export const archive = (order) => request("/archive", { method: "POST", json: order });

/** The lyrics of a song, or `null`. */
export const lyrics = ({ id, passcode }) => request(`${at(id)}/lyrics`, { passcode });
/** Replaces the lyrics by a file or a text; resolves to what the server read. */
export const putLyrics = ({ id, passcode }, body) => request(`${at(id)}/lyrics`, { method: "PUT", passcode, body });
/** Deletes the lyrics of a song. */
export const removeLyrics = ({ id, passcode }) => request(`${at(id)}/lyrics`, { method: "DELETE", passcode });

/** The queue as it is now. */
export const queue = () => request("/queue");

/** Where songs are uploaded by a form. */
export const uploadUrl = `${BASE}/tracks`;
/** The events of many songs in one stream. */
export const eventsUrl = `${BASE}/events`;
/** The events of the workers and the queue. */
export const workersUrl = `${BASE}/workers/events`;
/** The cover of a song. */
export const coverUrl = (id) => `${BASE}${at(id)}/cover`;
/** Peaks of the stems: the song is divided into `places`; `from` and `to` are the range of places. */
export const peaks = (key, { places, from, to }) =>
  request(`${at(key.id)}/peaks?places=${places}&from=${from}&to=${to}`, { passcode: key.passcode });
/** A stem, or `multitrack`, as `wav`, `flac` or `mp3`. */
export const stemUrl = (id, stem, format) => `${BASE}${at(id)}/stems/${encodeURIComponent(stem)}.${format}`;
/** The same, saved as a file by the browser. */
export const downloadUrl = (id, stem, format) => `${stemUrl(id, stem, format)}?download=1`;
