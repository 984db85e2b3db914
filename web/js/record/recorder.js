// The recorder on a song's card: connects its elements with the recording session and the review.

import { announce } from "../announcer.js";
import { clock, spokenTime, text } from "../strings.js";
import { buildRecorder, LevelMeter } from "./recorder-view.js";
import { Review } from "./review.js";
import { Session } from "./session.js";

const words = text.record;
const BUSY = ["counting", "starting", "recording"];
const CLOCK_INTERVAL_MS = 200;

export class Recorder {
  #card;
  #parts;
  #root;
  #session;
  #meter;
  #review = null;
  #message = "";
  #clockTimer = 0;

  constructor(card) {
    this.#card = card;
    const { root, parts } = buildRecorder();
    [this.#root, this.#parts] = [root, parts];
    this.#session = new Session(card);
    this.#meter = new LevelMeter(parts.meter);
    card.parts.extras.after(root);
    this.#wire();
    this.#render();
  }

  /** Opens the recorder and the microphone, or closes both; returns whether it is open now. */
  toggle() {
    if (!this.#root.hidden) {
      this.close();
      return false;
    }
    this.#root.hidden = false;
    this.#message = "";
    if (!this.#review) this.#open();
    return true;
  }

  close() {
    this.#root.hidden = true;
    this.#session.stop();
    this.#session.close();
    this.#review?.pause();
  }

  #wire() {
    const { record, measure, monitor, countIn } = this.#parts;
    record.addEventListener("click", () => this.#onRecord());
    measure.addEventListener("click", () => this.#measure());
    monitor.addEventListener("change", () => this.#session.monitor(monitor.checked));
    countIn.addEventListener("change", () => this.#render());
    this.#session.addEventListener("state", () => this.#render());
    this.#session.addEventListener("level", ({ detail }) => this.#meter.show(detail || 1e-6));
    this.#session.addEventListener("count", ({ detail }) => this.#showMessage(words.count(detail)));
    this.#session.addEventListener("take", ({ detail }) => this.#showReview(detail));
    this.#card.addEventListener("changed", () => this.#renderName());
    this.#card.player.addEventListener("state", () => this.#card.player.playing && this.#review?.pause());
    this.#renderName();
  }

  #renderName() {
    const { title, track } = this.#card;
    this.#root.setAttribute("aria-label", words.label(title));
    if (["failed", "cancelled"].includes(track?.state) && !this.#root.hidden) this.close();
  }

  async #open() {
    try {
      await this.#session.open();
    } catch (problem) {
      this.#showMessage(problem.message);
      announce(problem.message);
    }
  }

  async #onRecord() {
    if (BUSY.includes(this.#session.state)) return this.#session.stop();
    this.#message = "";
    this.#discardReview();
    try {
      await this.#session.record({ counted: this.#parts.countIn.checked });
    } catch (problem) {
      this.#showMessage(problem.message);
      announce(problem.message);
    }
  }

  async #measure() {
    this.#message = "";
    try {
      this.#showMessage(words.measuring);
      const seconds = await this.#session.measure();
      this.#showMessage(seconds === null ? words.notDetected : words.measured(seconds));
    } catch (problem) {
      this.#showMessage(problem.message);
    }
    announce(this.#message);
  }

  /** Discards the last take. */
  #discardReview() {
    this.#review?.close();
    this.#review = null;
    this.#parts.review.hidden = true;
  }

  #showReview(take) {
    this.#discardReview();
    this.#review = new Review(this.#parts, { take, title: () => this.#card.title, onPlay: () => this.#card.player.pause() });
    this.#parts.review.hidden = false;
    this.#message = "";
    this.#render();
    this.#root.scrollIntoView({ block: "nearest" });
    announce(words.done(spokenTime(take.frames / take.rate)));
  }

  #showMessage(sentence) {
    this.#message = sentence;
    this.#render();
  }

  #render() {
    const { record, recordWord, note, measure, meter } = this.#parts;
    const { state } = this.#session;
    const busy = BUSY.includes(state);
    this.#root.dataset.state = state;
    recordWord.textContent = busy ? words.stop : this.#review ? words.again : words.record;
    record.disabled = ["opening", "measuring", "finishing"].includes(state);
    record.toggleAttribute("data-on", state === "recording");
    measure.disabled = busy || record.disabled;
    const message = state === "ready" || state === "closed" || state === "measuring" || state === "counting" ? this.#message : "";
    note.textContent = message || words.state[this.#review && state === "closed" ? "review" : state];
    if (state === "closed") this.#meter.show(0);
    meter.toggleAttribute("data-off", state === "closed" || state === "opening");
    this.#renderDelay();
    this.#renderClock();
    if (state === "recording") this.#clockTimer ||= setInterval(() => this.#renderClock(), CLOCK_INTERVAL_MS);
    else this.#clockTimer = clearInterval(this.#clockTimer) ?? 0;
  }

  #renderDelay() {
    const { delay } = this.#session;
    if (delay) this.#parts.delay.textContent = words.delay(delay);
    else this.#parts.delay.textContent ||= words.noDelay;
  }

  #renderClock() {
    const now = clock(this.#session.length);
    if (this.#parts.clock.textContent !== now) this.#parts.clock.textContent = now;
  }
}
