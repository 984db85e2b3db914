// A turn at the microphone: opens it, counts in, has the song played, and ends with a take.

import { text } from "../strings.js";
import { measureDelay } from "./calibrate.js";
import { Capture } from "./capture.js";
import { countIn } from "./count-in.js";
import { keepDelay, measuredDelay, toldDelay } from "./latency.js";
import { closeMicrophone, NoMicrophone, openMicrophone } from "./microphone.js";
import { LONGEST_S, Take } from "./take.js";

/** A take begins so long before the player says that it sounds: its word may come late. */
const LEAD_S = 0.05;
/** A voice can be moved so far later or earlier. */
export const MOST_SHIFT_S = 0.5;
/** A microphone that says nothing more is not waited for. */
const PATIENCE_S = 3;

/** Fires `state`, `level` (`detail` is the peak), `count` (`detail` is the number) and `take` (`detail` is the take). */
export class Session extends EventTarget {
  /** `closed opening ready measuring counting starting recording finishing` */
  state = "closed";
  #card;
  #stream = null;
  #capture = null;
  #take = null;
  #visit = 0;
  #monitoring = false;

  constructor(card) {
    super();
    this.#card = card;
    card.player.addEventListener("state", () => this.#onPlayer());
  }

  /** Seconds by which a voice comes in late, and whether that was measured; null while the microphone is closed. */
  get delay() {
    if (!this.#capture) return null;
    const measured = measuredDelay(this.#stream);
    return { seconds: measured ?? toldDelay(this.#capture.context, this.#stream), measured: measured !== null };
  }

  /** Seconds of the take so far. */
  get length() {
    return this.state === "recording" ? this.#take.frames / this.#take.rate : 0;
  }

  /** Opens the microphone; rejects with a sentence. */
  async open() {
    const { player } = this.#card;
    if (this.#capture && this.#capture.context === player.context) return;
    this.close();
    const visit = this.#visit;
    this.#enter("opening");
    try {
      const stream = await openMicrophone();
      if (visit !== this.#visit) return closeMicrophone(stream);
      this.#stream = stream;
      player.prepare();
      const capture = await Capture.open({ context: player.context, song: player.masterNode, stream });
      if (visit !== this.#visit) return capture.close();
      this.#capture = capture;
    } catch (problem) {
      if (visit === this.#visit) this.close();
      throw problem instanceof NoMicrophone ? problem : new NoMicrophone(text.record.cannotJoin);
    }
    this.#capture.addEventListener("chunk", ({ detail }) => this.#onChunk(detail));
    this.#stream.getAudioTracks()[0]?.addEventListener("ended", () => visit === this.#visit && this.#onLost());
    this.#capture.monitor(this.#monitoring);
    this.#enter("ready");
  }

  /** Gives the microphone back. */
  close() {
    this.#visit += 1;
    if (this.#stream) closeMicrophone(this.#stream);
    this.#capture?.close();
    this.#stream = this.#capture = this.#take = null;
    this.#enter("closed");
  }

  /** Whether the singer hears the microphone. */
  monitor(on) {
    this.#monitoring = on;
    this.#capture?.monitor(on);
  }

  /** Plays the song from where it stands, and writes down both. */
  async record({ counted }) {
    await this.open();
    const visit = this.#visit;
    const { player } = this.#card;
    if (player.playing) player.pause();
    this.#take = new Take(this.#capture.context.sampleRate);
    if (counted) {
      this.#enter("counting");
      const say = (number) => this.state === "counting" && this.dispatchEvent(new CustomEvent("count", { detail: number }));
      await countIn(this.#capture.context, player.masterNode, say);
      if (visit !== this.#visit || this.state !== "counting") return;
    }
    this.#enter("starting");
    if (player.playing) return this.#onPlayer();
    this.#card.toggle();
    if (!player.playing) this.stop();
  }

  /** Ends what is going on. */
  stop() {
    if (this.state === "recording") return this.#finish();
    if (this.state === "counting" || this.state === "starting") {
      this.#take = null;
      this.#enter("ready");
      this.#card.player.pause();
    }
  }

  /** Measures the delay with clicks; gives seconds, or null when they were not heard. */
  async measure() {
    await this.open();
    if (this.#card.player.playing) this.#card.player.pause();
    this.#enter("measuring");
    const [visit, stream] = [this.#visit, this.#stream];
    const seconds = await measureDelay(this.#capture, this.#card.player.masterNode);
    if (visit !== this.#visit) return null;
    if (seconds !== null) keepDelay(stream, seconds);
    this.#enter("ready");
    return seconds;
  }

  async #finish() {
    const [take, capture, visit] = [this.#take, this.#capture, this.#visit];
    take.delay = this.delay.seconds;
    take.end(Math.min(capture.frame, capture.end));
    this.#enter("finishing");
    this.#card.player.pause();
    // What was sung to the last of the song is still on its way.
    const wanted = capture.frame + (take.delay + MOST_SHIFT_S) * take.rate;
    await new Promise((resolve) => {
      const patience = setTimeout(resolve, (take.delay + MOST_SHIFT_S + PATIENCE_S) * 1000);
      capture.addEventListener("chunk", () => take.known >= wanted && (clearTimeout(patience), resolve()));
    });
    if (visit !== this.#visit) return;
    this.close();
    this.dispatchEvent(new CustomEvent("take", { detail: take }));
  }

  #onChunk(chunk) {
    this.#take?.add(chunk);
    this.dispatchEvent(new CustomEvent("level", { detail: chunk.peak }));
    if (this.length > LONGEST_S) this.stop();
  }

  #onPlayer() {
    const { player } = this.#card;
    if (this.state === "starting" && player.playing && !player.waiting) {
      this.#take.begin(this.#capture.frame - Math.round(LEAD_S * this.#take.rate));
      this.#enter("recording");
    }
    if (!player.playing) this.stop();
    // Another song has the stage, and this one's graph is gone.
    if (this.#capture && this.state === "ready") queueMicrotask(() => this.#capture && this.#capture.context !== player.context && this.close());
  }

  #onLost() {
    this.stop();
    if (this.state !== "finishing") this.close();
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
