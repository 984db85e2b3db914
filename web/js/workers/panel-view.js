// Renders the workers panel: the summary line, and, when it is open, worker cards, metrics and the event log.

import { colourOf } from "../worker-colours.js";
import { capital, clockTime, text } from "../strings.js";
import { WorkerCard, setText, statusOf } from "./worker-card.js";

/** Most status lights in the summary line. */
const MAX_LIGHTS = 40;
/** With this many workers, or on a narrow page, the cards are small. */
const COMPACT_FROM = 13;
const narrow = matchMedia("(width < 22.5em)");
const byId = (id) => document.getElementById(id);
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

export class PanelView {
  #titleOf;
  #cards = new Map();
  #lines = [];
  #metrics = {};

  constructor({ titleOf, onToggle }) {
    this.#titleOf = titleOf;
    byId("workers-toggle").addEventListener("click", onToggle);
    narrow.addEventListener("change", () => this.#updateCompact());
    for (const [key, words] of Object.entries(text.workersPanel.metrics)) {
      const metric = byId("metric-template").content.firstElementChild.cloneNode(true);
      metric.dataset.metric = key;
      metric.querySelector("dt").textContent = words;
      this.#metrics[key] = metric.querySelector("dd");
      byId("workers-metrics").append(metric);
    }
  }

  hide() {
    byId("workers").removeAttribute("data-visible");
  }

  show({ open, offline, workers, queue, log }) {
    const sorted = [...workers.values()].sort((a, b) => byName(a.worker.id, b.worker.id));
    const isQuiet = !sorted.length && queue.connected && !queue.tracks;
    byId("workers").toggleAttribute("data-visible", !isQuiet || open);
    byId("workers").toggleAttribute("data-disconnected", !queue.connected);
    byId("workers-toggle").setAttribute("aria-expanded", open);
    byId("workers-body").hidden = !open;
    setText(byId("workers-summary"), offline ? text.reconnecting : this.#summary(sorted, queue));
    this.#showLights(sorted);
    if (!open) return;
    byId("workers-banner").hidden = queue.connected;
    this.#showMetrics(sorted, queue);
    this.#showCards(sorted, log);
    this.#showLog(log);
  }

  /** The server's text of an event; parts are numbered from 1 as on the song's card, and the song is named if there are several. */
  sentence({ text: serverText, track, chunk }, severalSongs = false) {
    if (chunk == null) return serverText;
    const part = text.workersPanel.part(chunk, severalSongs && this.#titleOf(track));
    const counted = serverText.replace(/\bchunk \d+/i, (found) => (found.startsWith("C") ? capital(part) : part));
    return counted.replace(/(\d) s\b/, "$1\u00a0s");
  }

  #summary(sorted, queue) {
    if (!queue.connected) return text.workersPanel.disconnected;
    const statuses = sorted.map(({ worker }) => statusOf(worker));
    const here = statuses.filter((status) => !["crashed", "gone", "left"].includes(status)).length;
    const rest = Object.entries(text.workersPanel.summary).map(([status, word]) =>
      text.workersPanel.count(statuses.filter((other) => other === status).length, word),
    );
    const first = here ? text.workersPanel.workers(here) : queue.tracks ? text.workersPanel.nobodyForSongs : text.workersPanel.nobody;
    return [first, ...rest].filter(Boolean).join(" · ");
  }

  #showLights(sorted) {
    const row = byId("workers-lights");
    const count = Math.min(sorted.length, MAX_LIGHTS);
    while (row.children.length > count) row.lastChild.remove();
    while (row.children.length < count) row.append(document.createElement("i"));
    sorted.slice(0, count).forEach(({ worker }, i) => {
      const { dataset } = row.children[i];
      const [colour, status] = [String(colourOf(worker.id)), statusOf(worker)];
      if (dataset.colour !== colour) dataset.colour = colour;
      if (dataset.status !== status) dataset.status = status;
    });
  }

  #showMetrics(sorted, queue) {
    const processes = new Map(
      sorted.filter(({ worker }) => worker.health === "alive").map(({ worker }) => [processOf(worker), worker.cpu_load]),
    );
    const cpu = [...processes.values()].reduce((sum, load) => sum + load, 0);
    setText(this.#metrics.tracks, String(queue.tracks));
    setText(this.#metrics.backlog, String(queue.backlog));
    setText(this.#metrics.inFlight, text.workersPanel.ofAtMost(queue.in_flight, queue.in_flight_bound));
    setText(this.#metrics.begun, String(queue.begun));
    setText(this.#metrics.cpu, cpu.toFixed(1));
    setText(this.#metrics.broker, text.workersPanel.broker(queue.connected));
  }

  #showCards(sorted, log) {
    const list = byId("worker-cards");
    const present = new Set(sorted.map(({ worker }) => worker.id));
    for (const [id, card] of this.#cards) {
      if (present.has(id)) continue;
      card.root.remove();
      this.#cards.delete(id);
    }
    const inProcess = new Map();
    for (const { worker } of sorted) inProcess.set(processOf(worker), (inProcess.get(processOf(worker)) ?? 0) + 1);
    sorted.forEach(({ worker, lastSeen }, i) => {
      if (!this.#cards.has(worker.id)) this.#cards.set(worker.id, new WorkerCard(worker.id));
      const card = this.#cards.get(worker.id);
      if (list.children[i] !== card.root) list.insertBefore(card.root, list.children[i] ?? null);
      const { current } = worker;
      const retried = Boolean(current) && (current.attempt > 1 || log.isRetried(current));
      card.show(worker, {
        activity: this.#activity({ worker, lastSeen, retried, log }),
        retried,
        // The CPU load is measured per process: workers that share one cannot be told apart.
        ownProcess: inProcess.get(processOf(worker)) === 1,
      });
    });
    this.#updateCompact();
  }

  #updateCompact() {
    byId("worker-cards").toggleAttribute("data-compact", this.#cards.size >= COMPACT_FROM || narrow.matches);
  }

  #activity({ worker, lastSeen, retried, log }) {
    const { current, health, note } = worker;
    if (health === "suspect") return text.workersPanel.lastSeen(new Date(lastSeen));
    if (current) {
      const [part, title] = [text.workersPanel.part(current.chunk), this.#titleOf(current.track)];
      return [part, retried && text.workersPanel.retried, title && `· ${title}`].filter(Boolean).join(" ");
    }
    const unfinished = ["crashed", "gone"].includes(health) ? log.unfinishedPartOf(worker.id) : null;
    if (!unfinished) return note ?? (statusOf(worker) === "idle" ? text.workersPanel.idle : "");
    const part = text.workersPanel.part(unfinished.part.chunk);
    return unfinished.takenBy ? text.workersPanel.wentTo(part, unfinished.takenBy) : text.workersPanel.goesBack(part);
  }

  /** Reuses the list's elements: only texts change, so that the layout does not move. */
  #showLog(log) {
    const { rows } = log;
    const list = byId("workers-log");
    const severalSongs = new Set(rows.map((row) => row.event.track).filter(Boolean)).size > 1;
    byId("workers-log-empty").hidden = rows.length > 0;
    while (this.#lines.length < rows.length) {
      const line = byId("log-line-template").content.firstElementChild.cloneNode(true);
      this.#lines.push(line);
      list.append(line);
    }
    this.#lines.forEach((line, i) => {
      line.hidden = !rows[i];
      if (!rows[i]) return;
      const { event, level } = rows[i];
      const [time, sentence] = line.children;
      line.dataset.level = level;
      line.dataset.what = event.what;
      if (event.worker) line.dataset.colour = colourOf(event.worker);
      else delete line.dataset.colour;
      if (time.dateTime !== event.at) {
        time.dateTime = event.at;
        time.textContent = clockTime(new Date(event.at));
      }
      setText(sentence, this.sentence(event, severalSongs));
    });
  }
}

const processOf = ({ host, pid }) => `${host} ${pid}`;
