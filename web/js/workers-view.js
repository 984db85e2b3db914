// Shows the workers panel: the line that is always there, and, when it is open, tiles, figures and events.

import { colourOf } from "./worker-colours.js";
import { capital, clockTime, text } from "./strings.js";
import { WorkerTile, lookOf, write } from "./worker-tile.js";

const LAMPS = 40;
/** From so many workers on, and on so narrow a page, a tile takes less room. */
const CROWD = 13;
const narrow = matchMedia("(max-width: 359px)");
const byId = (id) => document.getElementById(id);
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

export class WorkersView {
  #titleOf;
  #tiles = new Map();
  #lines = [];
  #figures = {};

  constructor({ titleOf, onToggle }) {
    this.#titleOf = titleOf;
    byId("workers-toggle").addEventListener("click", onToggle);
    narrow.addEventListener("change", () => this.#squeeze());
    for (const [key, words] of Object.entries(text.workersPanelTexts.figures)) {
      const figure = byId("figure-template").content.firstElementChild.cloneNode(true);
      figure.dataset.figure = key;
      figure.querySelector("dt").textContent = words;
      this.#figures[key] = figure.querySelector("dd");
      byId("workers-figures").append(figure);
    }
  }

  hide() {
    byId("workers").removeAttribute("data-known");
  }

  show({ open, offline, workers, queue, events }) {
    const sorted = [...workers.values()].sort((a, b) => byName(a.worker.id, b.worker.id));
    const isQuiet = !sorted.length && queue.connected && !queue.tracks;
    byId("workers").toggleAttribute("data-known", !isQuiet || open);
    byId("workers").toggleAttribute("data-disconnected", !queue.connected);
    byId("workers-toggle").setAttribute("aria-expanded", open);
    byId("workers-body").hidden = !open;
    write(byId("workers-summary"), offline ? text.reconnecting : this.#summary(sorted, queue));
    this.#showLamps(sorted);
    if (!open) return;
    byId("workers-banner").hidden = queue.connected;
    this.#showFigures(sorted, queue);
    this.#showTiles(sorted, events);
    this.#showEvents(events);
  }

  /** What the server says, with the part counted as on the song's card, and of which song if there are several. */
  sentence({ text: said, track, chunk }, severalSongs = false) {
    if (chunk == null) return said;
    const part = text.workersPanelTexts.part(chunk, severalSongs && this.#titleOf(track));
    const counted = said.replace(/\bchunk \d+/i, (found) => (found.startsWith("C") ? capital(part) : part));
    return counted.replace(/(\d) s\b/, "$1\u00a0s");
  }

  #summary(sorted, queue) {
    if (!queue.connected) return text.workersPanelTexts.disconnected;
    const looks = sorted.map(({ worker }) => lookOf(worker));
    const here = looks.filter((look) => !["crashed", "gone", "left"].includes(look)).length;
    const rest = Object.entries(text.workersPanelTexts.summary).map(([look, word]) =>
      text.workersPanelTexts.count(looks.filter((l) => l === look).length, word),
    );
    const first = here ? text.workersPanelTexts.workers(here) : queue.tracks ? text.workersPanelTexts.nobodyComes : text.workersPanelTexts.nobody;
    return [first, ...rest].filter(Boolean).join(" · ");
  }

  #showLamps(sorted) {
    const row = byId("workers-lamps");
    const count = Math.min(sorted.length, LAMPS);
    while (row.children.length > count) row.lastChild.remove();
    while (row.children.length < count) row.append(document.createElement("i"));
    sorted.slice(0, count).forEach(({ worker }, i) => {
      const { dataset } = row.children[i];
      const [colour, look] = [String(colourOf(worker.id)), lookOf(worker)];
      if (dataset.colour !== colour) dataset.colour = colour;
      if (dataset.look !== look) dataset.look = look;
    });
  }

  #showFigures(sorted, queue) {
    const processes = new Map(
      sorted.filter(({ worker }) => worker.health === "alive").map(({ worker }) => [processOf(worker), worker.cpu_load]),
    );
    const cpu = [...processes.values()].reduce((sum, load) => sum + load, 0);
    write(this.#figures.tracks, String(queue.tracks));
    write(this.#figures.backlog, String(queue.backlog));
    write(this.#figures.inFlight, text.workersPanelTexts.ofAtMost(queue.in_flight, queue.in_flight_bound));
    write(this.#figures.begun, String(queue.begun));
    write(this.#figures.cpu, cpu.toFixed(1));
    write(this.#figures.broker, text.workersPanelTexts.broker(queue.connected));
  }

  #showTiles(sorted, events) {
    const list = byId("workers-tiles");
    const here = new Set(sorted.map(({ worker }) => worker.id));
    for (const [id, tile] of this.#tiles) {
      if (here.has(id)) continue;
      tile.root.remove();
      this.#tiles.delete(id);
    }
    const inProcess = new Map();
    for (const { worker } of sorted) inProcess.set(processOf(worker), (inProcess.get(processOf(worker)) ?? 0) + 1);
    sorted.forEach(({ worker, heard }, i) => {
      if (!this.#tiles.has(worker.id)) this.#tiles.set(worker.id, new WorkerTile(worker.id));
      const tile = this.#tiles.get(worker.id);
      if (list.children[i] !== tile.root) list.insertBefore(tile.root, list.children[i] ?? null);
      const { current } = worker;
      const again = Boolean(current) && (current.attempt > 1 || events.isAgain(current));
      tile.paint(worker, {
        doing: this.#doing({ worker, heard, again, events }),
        again,
        // Workers of one process cannot tell whose load it is.
        ownProcess: inProcess.get(processOf(worker)) === 1,
      });
    });
    this.#squeeze();
  }

  #squeeze() {
    byId("workers-tiles").toggleAttribute("data-crowd", this.#tiles.size >= CROWD || narrow.matches);
  }

  #doing({ worker, heard, again, events }) {
    const { current, health, note } = worker;
    if (health === "suspect") return text.workersPanelTexts.heard(new Date(heard));
    if (current) {
      const [part, title] = [text.workersPanelTexts.part(current.chunk), this.#titleOf(current.track)];
      return [part, again && text.workersPanelTexts.again, title && `· ${title}`].filter(Boolean).join(" ");
    }
    const left = ["crashed", "gone"].includes(health) ? events.leftBy(worker.id) : null;
    if (!left) return note ?? (lookOf(worker) === "idle" ? text.workersPanelTexts.waits : "");
    const part = text.workersPanelTexts.part(left.part.chunk);
    return left.by ? text.workersPanelTexts.wentTo(part, left.by) : text.workersPanelTexts.goesBack(part);
  }

  /** Lines are written anew in their places: nothing is moved. */
  #showEvents(events) {
    const { rows } = events;
    const list = byId("workers-events");
    const severalSongs = new Set(rows.map((row) => row.happening.track).filter(Boolean)).size > 1;
    byId("workers-no-events").hidden = rows.length > 0;
    while (this.#lines.length < rows.length) {
      const line = byId("line-template").content.firstElementChild.cloneNode(true);
      this.#lines.push(line);
      list.append(line);
    }
    this.#lines.forEach((line, i) => {
      line.hidden = !rows[i];
      if (!rows[i]) return;
      const { happening, weight } = rows[i];
      const [time, sentence] = line.children;
      line.dataset.weight = weight;
      line.dataset.what = happening.what;
      if (happening.worker) line.dataset.colour = colourOf(happening.worker);
      else delete line.dataset.colour;
      if (time.dateTime !== happening.at) {
        time.dateTime = happening.at;
        time.textContent = clockTime(new Date(happening.at));
      }
      write(sentence, this.sentence(happening, severalSongs));
    });
  }
}

const processOf = ({ host, pid }) => `${host} ${pid}`;
