// What the operator's page asks of the server, with the admin key.

import { Problem } from "../api.js";

const BASE = "/api/v1";

/** `key`: the admin key. Every failure is a Problem. */
export function operatorClient(key) {
  const ask = async (path, { method = "GET", json } = {}) => {
    const headers = { "X-Admin-Key": key, Accept: "application/json" };
    if (json) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(BASE + path, { method, headers, cache: "no-store", body: json && JSON.stringify(json) });
    } catch {
      throw Problem.network();
    }
    const body = await response.text();
    if (!response.ok) throw Problem.parse(response.status, body);
    return body ? JSON.parse(body) : null;
  };
  const at = (id) => `/notifications/${encodeURIComponent(id)}`;
  return {
    /** Refused (401) with a wrong key, which the lists that anyone may see are not. */
    check: () => ask("/tracks?limit=1"),
    nodes: async () => (await ask("/nodes")).nodes,
    workers: async () => (await ask("/workers?state=all")).workers,
    order: (worker, order) => ask(`/workers/${encodeURIComponent(worker)}/${order}`, { method: "POST" }),
    notifications: async () => (await ask("/notifications")).notifications,
    addNotification: (target) => ask("/notifications", { method: "POST", json: { target } }),
    removeNotification: (id) => ask(at(id), { method: "DELETE" }),
    testNotification: (id) => ask(`${at(id)}/test`, { method: "POST" }),
  };
}
