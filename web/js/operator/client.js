// What the operator's page asks of the server, with the admin key.

import { request } from "../api.js";

/** Every failure is a Problem. */
export function operatorClient(adminKey) {
  const ask = (path, options) => request(path, { ...options, adminKey });
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
