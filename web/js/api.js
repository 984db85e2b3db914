// The one place that speaks HTTP to the server: every answer is JSON or becomes a Problem.

import { text } from "./strings.js";

const BASE = "/api/v1";

/** An error as the server tells it (RFC 9457), or one that the network made: status 0. */
export class Problem extends Error {
  constructor({ title, detail, status } = {}) {
    super(title || text.trouble.unknown);
    this.title = title || text.trouble.unknown;
    this.detail = detail || "";
    this.status = status ?? 0;
  }

  static network() {
    return new Problem({ title: text.trouble.network, status: 0 });
  }

  static parse(status, body) {
    try {
      return new Problem({ status, ...JSON.parse(body) });
    } catch {
      return new Problem({ title: text.trouble.refused, status });
    }
  }
}

/** `json` is sent as such, `body` as it is. */
async function request(path, { method = "GET", passcode, json, body: sent } = {}) {
  const headers = { Accept: "application/json" };
  if (json) headers["Content-Type"] = "application/json";
  if (passcode) headers["X-Track-Passcode"] = passcode;
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

export const models = () => request("/models");
export const track = ({ id, passcode }) => request(at(id), { passcode });
export const cancel = ({ id, passcode }) => request(`${at(id)}/cancel`, { method: "POST", passcode });
export const remove = ({ id, passcode }) => request(at(id), { method: "DELETE", passcode });

/** Where several songs can be fetched as one file: `tracks` are `{ id, passcode }`; without `stems` all of each. */
export const archive = (wish) => request("/archive", { method: "POST", json: wish });

export const lyrics = ({ id, passcode }) => request(`${at(id)}/lyrics`, { passcode });
export const putLyrics = ({ id, passcode }, body) => request(`${at(id)}/lyrics`, { method: "PUT", passcode, body });
export const removeLyrics = ({ id, passcode }) => request(`${at(id)}/lyrics`, { method: "DELETE", passcode });

export const queue = () => request("/queue");

export const uploadUrl = `${BASE}/tracks`;
export const eventsUrl = `${BASE}/events`;
export const workersUrl = `${BASE}/workers/events`;
export const coverUrl = (id) => `${BASE}${at(id)}/cover`;
export const peaks = (key, { places, from, to }) =>
  request(`${at(key.id)}/peaks?places=${places}&from=${from}&to=${to}`, { passcode: key.passcode });
export const stemUrl = (id, stem, format) => `${BASE}${at(id)}/stems/${encodeURIComponent(stem)}.${format}`;
export const downloadUrl = (id, stem, format) => `${stemUrl(id, stem, format)}?download=1`;
