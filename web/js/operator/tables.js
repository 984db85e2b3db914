// The tables of the operator's page.

import { text } from "../strings.js";

const words = text.operator;

export const element = (name, content = "", className = "") =>
  Object.assign(document.createElement(name), { textContent: content, className });

/** A button; `label` is its accessible name, for those that look alike in every row. */
export function button(content, label, act) {
  const node = element("button", content, "quiet");
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", act);
  return node;
}

function cell(tag, [content, className = ""], scope) {
  const node = element(tag, "", className);
  if (scope) node.scope = scope;
  node.append(content);
  return node;
}

/** A table in a region that scrolls by itself; cells are `[content, class]`, the first of a row is its heading. */
function table(label, heads, rows) {
  const node = document.createElement("table");
  const head = node.createTHead().insertRow();
  head.append(...heads.map((h) => cell("th", h, "col")));
  const body = node.createTBody();
  for (const row of rows) {
    const tr = body.insertRow();
    tr.append(...row.map((c, i) => (i ? cell("td", c) : cell("th", c, "row"))));
  }
  const scroll = document.createElement("div");
  Object.assign(scroll, { className: "scroll", tabIndex: 0, role: "region", ariaLabel: label });
  scroll.append(node);
  return scroll;
}

const number = (value) => [String(value), "number"];
const seen = (at) => [words.date(new Date(at)), "place"];
const COUNTS = ["runs", "crashes", "failures", "served", "refused", "lost"];
const countHeads = COUNTS.map((key) => [words.counts[key], "number"]);
const counts = (totals) => COUNTS.map((key) => number(totals[key]));

export function nodesTable(nodes) {
  const heads = [[words.machine], [words.alive, "number"], ...countHeads, [words.firstSeen], [words.lastSeen]];
  const rows = nodes.map((n) => [[n.host], number(words.aliveOf(n.alive, n.workers)), ...counts(n.totals), seen(n.first_seen_at), seen(n.last_seen_at)]);
  return table(words.machines, heads, rows);
}

/** `order(worker, kind)` is called by the buttons of those that can be told something. */
export function workersTable(workers, order) {
  const heads = [[words.worker], [words.orders], [words.state], [words.machine], ...countHeads, [words.lastSeen]];
  const rows = workers.map((w) => {
    const kinds = w.away ? ["restart"] : ["drain", "stop", "restart"];
    const actions = element("div", "", "actions");
    const isHere = ["alive", "suspect"].includes(w.health);
    if (isHere) actions.append(...kinds.map((kind) => button(words.order[kind], words.orderOf(kind, w.id), () => order(w.id, kind))));
    const state = isHere ? text.workersPanel.status[w.state] ?? w.state : text.workersPanel.status[w.health];
    return [[w.id], [actions], [w.note ? `${state}: ${w.note}` : state], [w.host], ...counts(w.totals), seen(w.last_seen_at)];
  });
  return table(words.workers, heads, rows);
}

export function notificationsTable(notifications, { test, remove }) {
  const heads = [[words.target, "target"], [words.orders], [words.state], [words.events, "target"]];
  const rows = notifications.map((n) => {
    const actions = element("div", "", "actions");
    actions.append(
      button(words.test, words.testOf(n.target), () => test(n)),
      button(words.remove, words.removeOf(n.target), () => remove(n)),
    );
    const state = n.disabled ? [words.disabled(n.disabled), "trouble"] : [words.enabled];
    return [[n.target, "target"], [actions], state, [n.events.join(", "), "target"]];
  });
  return table(words.notifications, heads, rows);
}
