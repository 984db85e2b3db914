// A recording session: opens the microphone, counts in, plays the song, and ends with a take.

import { text } from "../strings.js";
import { measureDelay } from "./measure-delay.js";
import { Capture } from "./capture.js";
import { countIn } from "./count-in.js";
import { measuredDelay, reportedDelay, saveDelay } from "./latency.js";
import { closeMicrophone, MicrophoneError, openMicrophone } from "./microphone.js";
import { MAX_TAKE_S, Take } from "./take.js";

/** A take starts this much before the `playing` state, which may be reported late. */
const LEAD_S = 0.05;
/** Longest shift of the voice, later or earlier. */
export const MAX_SHIFT_S = 0.5;
/** How long the end of the voice is waited for if the microphone stops. */
const FINISH_TIMEOUT_S = 3;

/** Events: `state`, `level` (`detail` is the peak), `count` (`detail` is the number) and `take` (`detail` is the take). */
export class Session extends EventTarget {
  /** `closed opening ready measuring counting starting recording finishing` */
  state = "closed";
  #card;
  #stream = null;
  #capture = null;
  #take = null;
  #openCount = 0;
  #monitoring = false;

  constructor(card) {
    super();
    this.#card = card;
    card.player.addEventListener("state", () => this.#onPlayer());
  }

  /** `{ seconds, measured }`: the round-trip delay and whether it was measured; null while the microphone is closed. */
  get delay() {
    if (!this.#capture) return null;
    const measured = measuredDelay(this.#stream);
    return { seconds: measured ?? reportedDelay(this.#capture.context, this.#stream), measured: measured !== null };
  }

  /** Seconds of the take so far. */
  get length() {
    return this.state === "recording" ? this.#take.frames / this.#take.rate : 0;
  }

  /** Opens the microphone; rejects with a `MicrophoneError`. */
  async open() {
    const { player } = this.#card;
    if (this.#capture && this.#capture.context === player.context) return;
    this.close();
    const openCount = this.#openCount;
    this.#setState("opening");
    try {
      const stream = await openMicrophone();
      if (openCount !== this.#openCount) return closeMicrophone(stream);
      this.#stream = stream;
      player.prepare();
      const capture = await Capture.open({ context: player.context, song: player.masterNode, stream });
      if (openCount !== this.#openCount) return capture.close();
      this.#capture = capture;
    } catch (problem) {
      if (openCount === this.#openCount) this.close();
      throw problem instanceof MicrophoneError ? problem : new MicrophoneError(text.record.cannotJoin);
    }
    this.#capture.addEventListener("chunk", ({ detail }) => this.#onChunk(detail));
    this.#stream.getAudioTracks()[0]?.addEventListener("ended", () => openCount === this.#openCount && this.#onLost());
    this.#capture.monitor(this.#monitoring);
    this.#setState("ready");
  }

  /** Releases the microphone. */
  close() {
    this.#openCount += 1;
    if (this.#stream) closeMicrophone(this.#stream);
    this.#capture?.close();
    this.#stream = this.#capture = this.#take = null;
    this.#setState("closed");
  }

  /** Switches the monitoring of the microphone. */
  monitor(on) {
    this.#monitoring = on;
    this.#capture?.monitor(on);
  }

  /** Plays the song from its position on, and captures song and voice; `counted`: with a count-in. */
  async record({ counted }) {
    await this.open();
    const openCount = this.#openCount;
    const { player } = this.#card;
    if (player.playing) player.pause();
    this.#take = new Take(this.#capture.context.sampleRate);
    if (counted) {
      this.#setState("counting");
      const onBeat = (number) => this.state === "counting" && this.dispatchEvent(new CustomEvent("count", { detail: number }));
      await countIn(this.#capture.context, player.masterNode, onBeat);
      if (openCount !== this.#openCount || this.state !== "counting") return;
    }
    this.#setState("starting");
    if (player.playing) return this.#onPlayer();
    this.#card.toggle();
    if (!player.playing) this.stop();
  }

  /** Ends the recording or cancels its start. */
  stop() {
    if (this.state === "recording") return this.#finish();
    if (this.state === "counting" || this.state === "starting") {
      this.#take = null;
      this.#setState("ready");
      this.#card.player.pause();
    }
  }

  /** Measures the delay; resolves to seconds, or null if the chirps were not found. */
  async measure() {
    await this.open();
    if (this.#card.player.playing) this.#card.player.pause();
    this.#setState("measuring");
    const [openCount, stream] = [this.#openCount, this.#stream];
    const seconds = await measureDelay(this.#capture, this.#card.player.masterNode);
    if (openCount !== this.#openCount) return null;
    if (seconds !== null) saveDelay(stream, seconds);
    this.#setState("ready");
    return seconds;
  }

  async #finish() {
    const [take, capture, openCount] = [this.#take, this.#capture, this.#openCount];
    take.delay = this.delay.seconds;
    take.end(Math.min(capture.frame, capture.end));
    this.#setState("finishing");
    this.#card.player.pause();
    // The voice to the end of the song arrives later by the delay.
    const wanted = capture.frame + (take.delay + MAX_SHIFT_S) * take.rate;
    await new Promise((resolve) => {
      const timeout = setTimeout(resolve, (take.delay + MAX_SHIFT_S + FINISH_TIMEOUT_S) * 1000);
      capture.addEventListener("chunk", () => take.known >= wanted && (clearTimeout(timeout), resolve()));
    });
    if (openCount !== this.#openCount) return;
    this.close();
    this.dispatchEvent(new CustomEvent("take", { detail: take }));
  }

  #onChunk(chunk) {
    this.#take?.add(chunk);
    this.dispatchEvent(new CustomEvent("level", { detail: chunk.peak }));
    if (this.length > MAX_TAKE_S) this.stop();
  }

  #onPlayer() {
    const { player } = this.#card;
    if (this.state === "starting" && player.playing && !player.waiting) {
      this.#take.begin(this.#capture.frame - Math.round(LEAD_S * this.#take.rate));
      this.#setState("recording");
    }
    if (!player.playing) this.stop();
    // Another song is playing, and this song's audio context is closed.
    if (this.#capture && this.state === "ready") queueMicrotask(() => this.#capture && this.#capture.context !== player.context && this.close());
  }

  #onLost() {
    this.stop();
    if (this.state !== "finishing") this.close();
  }

  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
