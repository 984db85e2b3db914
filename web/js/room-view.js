// Shows the machine room: the line that is always there, and, when it is open, seats, figures and story.

import { gelOf } from "./gels.js";
import { capital, clockTime, text } from "./strings.js";
import { WorkerSeat, lookOf, write } from "./worker-seat.js";

const LAMPS = 40;
/** From so many workers on, and on so narrow a page, a seat takes less room. */
const CROWD = 13;
const narrow = matchMedia("(max-width: 359px)");
const byId = (id) => document.getElementById(id);
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

export class RoomView {
  #titleOf;
  #seats = new Map();
  #lines = [];
  #figures = {};

  constructor({ titleOf, onToggle }) {
    this.#titleOf = titleOf;
    byId("room-toggle").addEventListener("click", onToggle);
    narrow.addEventListener("change", () => this.#squeeze());
    for (const [key, words] of Object.entries(text.room.figures)) {
      const figure = byId("figure-template").content.firstElementChild.cloneNode(true);
      figure.dataset.figure = key;
      figure.querySelector("dt").textContent = words;
      this.#figures[key] = figure.querySelector("dd");
      byId("room-figures").append(figure);
    }
  }

  hide() {
    byId("room").removeAttribute("data-known");
  }

  show({ open, offline, workers, queue, story }) {
    const sorted = [...workers.values()].sort((a, b) => byName(a.worker.id, b.worker.id));
    const isQuiet = !sorted.length && queue.connected && !queue.tracks;
    byId("room").toggleAttribute("data-known", !isQuiet || open);
    byId("room").toggleAttribute("data-disconnected", !queue.connected);
    byId("room-toggle").setAttribute("aria-expanded", open);
    byId("room-body").hidden = !open;
    write(byId("room-summary"), offline ? text.reconnecting : this.#summary(sorted, queue));
    this.#showLamps(sorted);
    if (!open) return;
    byId("room-banner").hidden = queue.connected;
    this.#showFigures(sorted, queue);
    this.#showSeats(sorted, story);
    this.#showStory(story);
  }

  /** What the server says, with the part counted as on the song's card, and of which song if there are several. */
  sentence({ text: said, track, chunk }, severalSongs = false) {
    if (chunk == null) return said;
    const part = text.room.part(chunk, severalSongs && this.#titleOf(track));
    const counted = said.replace(/\bchunk \d+/i, (found) => (found.startsWith("C") ? capital(part) : part));
    return counted.replace(/(\d) s\b/, "$1\u00a0s");
  }

  #summary(sorted, queue) {
    if (!queue.connected) return text.room.disconnected;
    const looks = sorted.map(({ worker }) => lookOf(worker));
    const here = looks.filter((look) => !["crashed", "gone", "left"].includes(look)).length;
    const rest = Object.entries(text.room.summary).map(([look, word]) =>
      text.room.count(looks.filter((l) => l === look).length, word),
    );
    const first = here ? text.room.workers(here) : queue.tracks ? text.room.nobodyComes : text.room.nobody;
    return [first, ...rest].filter(Boolean).join(" · ");
  }

  #showLamps(sorted) {
    const row = byId("room-lamps");
    const count = Math.min(sorted.length, LAMPS);
    while (row.children.length > count) row.lastChild.remove();
    while (row.children.length < count) row.append(document.createElement("i"));
    sorted.slice(0, count).forEach(({ worker }, i) => {
      const { dataset } = row.children[i];
      const [gel, look] = [String(gelOf(worker.id)), lookOf(worker)];
      if (dataset.gel !== gel) dataset.gel = gel;
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
    write(this.#figures.inFlight, text.room.ofAtMost(queue.in_flight, queue.in_flight_bound));
    write(this.#figures.begun, String(queue.begun));
    write(this.#figures.cpu, cpu.toFixed(1));
    write(this.#figures.broker, text.room.broker(queue.connected));
  }

  #showSeats(sorted, story) {
    const list = byId("room-seats");
    const here = new Set(sorted.map(({ worker }) => worker.id));
    for (const [id, seat] of this.#seats) {
      if (here.has(id)) continue;
      seat.root.remove();
      this.#seats.delete(id);
    }
    const inProcess = new Map();
    for (const { worker } of sorted) inProcess.set(processOf(worker), (inProcess.get(processOf(worker)) ?? 0) + 1);
    sorted.forEach(({ worker, heard }, i) => {
      if (!this.#seats.has(worker.id)) this.#seats.set(worker.id, new WorkerSeat(worker.id));
      const seat = this.#seats.get(worker.id);
      if (list.children[i] !== seat.root) list.insertBefore(seat.root, list.children[i] ?? null);
      const { current } = worker;
      const again = Boolean(current) && (current.attempt > 1 || story.isAgain(current));
      seat.paint(worker, {
        doing: this.#doing({ worker, heard, again, story }),
        again,
        // Workers of one process cannot tell whose load it is.
        ownProcess: inProcess.get(processOf(worker)) === 1,
      });
    });
    this.#squeeze();
  }

  #squeeze() {
    byId("room-seats").toggleAttribute("data-crowd", this.#seats.size >= CROWD || narrow.matches);
  }

  #doing({ worker, heard, again, story }) {
    const { current, health, note } = worker;
    if (health === "suspect") return text.room.heard(new Date(heard));
    if (current) {
      const [part, title] = [text.room.part(current.chunk), this.#titleOf(current.track)];
      return [part, again && text.room.again, title && `· ${title}`].filter(Boolean).join(" ");
    }
    const left = ["crashed", "gone"].includes(health) ? story.leftBy(worker.id) : null;
    if (!left) return note ?? (lookOf(worker) === "idle" ? text.room.waits : "");
    const part = text.room.part(left.part.chunk);
    return left.by ? text.room.wentTo(part, left.by) : text.room.goesBack(part);
  }

  /** Lines are written anew in their places: nothing is moved. */
  #showStory(story) {
    const { rows } = story;
    const list = byId("room-story");
    const severalSongs = new Set(rows.map((row) => row.happening.track).filter(Boolean)).size > 1;
    byId("room-silence").hidden = rows.length > 0;
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
      if (happening.worker) line.dataset.gel = gelOf(happening.worker);
      else delete line.dataset.gel;
      if (time.dateTime !== happening.at) {
        time.dateTime = happening.at;
        time.textContent = clockTime(new Date(happening.at));
      }
      write(sentence, this.sentence(happening, severalSongs));
    });
  }
}

const processOf = ({ host, pid }) => `${host} ${pid}`;
