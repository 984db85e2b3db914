// The printable receipt of a song: how long it took, who computed, what failed, what it costs.

import * as api from "./api.js";
import { keyIn } from "./song-link.js";
import { bytes, clock, money, text } from "./strings.js";

const words = text.receipt;
const page = document.getElementById("receipt");

/** `[value, class]` or a plain value for each cell; the first is the row's heading. */
function row(cells, className = "") {
  const tr = document.createElement("tr");
  tr.className = className;
  cells.forEach((cell, index) => {
    const [value, name = ""] = Array.isArray(cell) ? cell : [cell];
    const element = document.createElement(index === 0 ? "th" : "td");
    if (index === 0) element.scope = "row";
    element.className = name;
    element.append(value ?? "");
    tr.append(element);
  });
  return tr;
}

function table(heads, rows) {
  const element = document.createElement("table");
  if (heads.length) {
    const head = element.createTHead().insertRow();
    for (const [value, name = ""] of heads) {
      const th = document.createElement("th");
      Object.assign(th, { scope: "col", className: name, textContent: value });
      head.append(th);
    }
  }
  element.createTBody().append(...rows);
  return element;
}

/** A table that may be wider than a phone: it scrolls by itself, also by keyboard. */
function scrolling(label, element) {
  const scroll = document.createElement("div");
  Object.assign(scroll, { className: "scroll", tabIndex: 0, role: "region", ariaLabel: label });
  scroll.append(element);
  return scroll;
}

const element = (name, content, className = "") => Object.assign(document.createElement(name), { textContent: content, className });
const number = (value) => [value, "number"];
const seconds = (value) => number(value === null ? "–" : words.seconds(value));

function times({ times: t }) {
  const rows = [
    row([words.times.queue, seconds(t.queue_wait_s)]),
    row([words.times.decode, seconds(t.decode_s)]),
    row([words.times.separate, seconds(t.separate_s)]),
    row([words.times.worker, seconds(t.worker_wait_s)], "part"),
    row([words.times.merge, seconds(t.merge_s)]),
    row([words.times.total, seconds(t.total_s)], "sum"),
  ];
  return [element("h2", words.times.title), table([], rows)];
}

function price({ price: p }) {
  if (!p.lines.length) return [];
  const amount = (value) => number(money(value, p.currency));
  const rows = p.lines.map((line) =>
    row([words.price[line.what], number(words.quantity(line.quantity, line.unit)), amount(line.rate), amount(line.amount)]));
  rows.push(row([words.price.total, "", "", amount(p.total)], "sum"));
  const heads = [[words.price.what], [words.price.quantity, "number"], [words.price.rate, "number"], [words.price.amount, "number"]];
  return [element("h2", words.price.title), table(heads, rows)];
}

function workers({ compute }) {
  const rows = compute.by_worker.map((w) =>
    row([w.worker, number(w.chunks), number(w.failed), seconds(w.seconds)]));
  const chunks = compute.by_worker.reduce((sum, w) => sum + w.chunks, 0);
  const failed = compute.by_worker.reduce((sum, w) => sum + w.failed, 0);
  rows.push(row([words.workers.total, number(chunks), number(failed), seconds(compute.seconds)], "sum"));
  if (compute.wasted_s > 0) rows.push(row([words.workers.wasted, "", "", seconds(compute.wasted_s)]));
  const heads = [[words.workers.worker], [words.workers.chunks, "number"], [words.workers.failed, "number"], [words.workers.seconds, "number"]];
  return [element("h2", words.workers.title), table(heads, rows)];
}

function chunks({ chunks: all }) {
  if (!all.length) return [];
  const rows = all.map((c) => {
    const failures = element("ul", "", "failures");
    failures.append(...c.failed.map((f) => element("li", words.failure(f))));
    return row([[`${clock(c.start_s)} – ${clock(c.end_s)}`, "place"], [c.worker ?? "–", "worker"], number(c.attempts), seconds(c.seconds), failures]);
  });
  const heads = [[words.chunks.place], [words.workers.worker], [words.chunks.attempts, "number"], [words.workers.seconds, "number"], [words.chunks.failures]];
  return [element("h2", words.chunks.title), scrolling(words.chunks.title, table(heads, rows))];
}

function show(receipt) {
  document.title = words.of(receipt.song);
  const header = document.createElement("header");
  const print = element("button", words.print, "quiet");
  Object.assign(print, { type: "button", onclick: () => window.print() });
  const about = [clock(receipt.audio_s), receipt.model, text.state[receipt.state], words.received(new Date(receipt.times.received_at))];
  header.append(element("h1", receipt.song), print, element("p", about.join(" · "), "about"));
  const network = [row([words.bytes.up, number(bytes(receipt.bytes.up))]), row([words.bytes.down, number(receipt.bytes.down ? bytes(receipt.bytes.down) : "–")])];
  page.replaceChildren(
    header, ...price(receipt), ...times(receipt), ...workers(receipt),
    element("h2", words.bytes.title), table([], network), ...chunks(receipt),
  );
}

function fail(title, detail = "") {
  page.replaceChildren(element("h1", title), element("p", detail));
}

const key = keyIn(location.hash);
if (!key) fail(words.broken);
else {
  try {
    show(await api.receipt(key));
  } catch (problem) {
    fail(problem.title, problem.detail);
  }
}
document.documentElement.dataset.awake = "";
