// Plays a song's stems together: brings blocks, lays them on a playback, and says where it is. One run lasts from a start or
// a jump to the next stop.

import { floats } from "./feed.js";
import { loopFrames, pieceAt } from "./pieces.js";
import { StretchedPlayback, loadStretcher } from "./stretched-playback.js";
import { BufferPlayback } from "./buffer-playback.js";

/** So much is laid on the playback ahead of what is heard. */
const AHEAD_S = 2.5;
const LOOK_EVERY_MS = 40;
const FADE_S = 0.05;
/** Pauses between attempts to reach a server that does not answer. */
const RETRY_MS = 400;
const RETRY_AT_MOST_MS = 5000;

/** Runs one playback from `from` seconds on; `onState` is told of `waiting` and `ended`, and of a `problem`. */
export class Run {
  #feed;
  #context;
  #fade;
  #playback = null;
  #stopped = false;
  #state = "waiting";
  #onState;
  #looking = 0;
  #wake = () => {};
  #settings;
  #from;
  #allLaid = false;

  constructor({ feed, context, into, from, settings, onState }) {
    this.#feed = feed;
    this.#context = context;
    // It has as many channels as what is played, and mixes none of them.
    this.#fade = new GainNode(context, { channelInterpretation: "discrete" });
    this.#fade.connect(into);
    this.#from = from;
    this.#settings = settings;
    this.#onState = onState;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#lay().catch((problem) => this.#stopped || problem.name === "AbortError" || this.#tell("problem", problem));
  }

  /** Seconds in the song. */
  get position() {
    return this.#playback?.position ?? this.#from;
  }

  /** Whether key and tempo can be tuned without a new run. */
  get stretched() {
    return this.#playback instanceof StretchedPlayback;
  }

  tune(settings) {
    this.#settings = { ...this.#settings, ...settings };
    this.#playback?.tune(this.#settings);
  }

  stop() {
    if (this.#stopped) return;
    // Where it was heard last is where it is from now on.
    this.#from = this.position;
    this.#stopped = true;
    clearInterval(this.#looking);
    this.#fadeOut(this.#playback);
    this.#playback = null;
    this.#feed.abandonAllBut([]);
    this.#wake();
  }

  /** Without a click; what comes next may begin meanwhile. */
  #fadeOut(playback) {
    const fade = this.#fade;
    fade.gain.setTargetAtTime(0, this.#context.currentTime, FADE_S / 5);
    setTimeout(() => {
      playback?.stop();
      fade.disconnect();
    }, FADE_S * 1000);
  }

  async #lay() {
    const { key, tempo, loop } = this.#settings;
    const { rate, total, channels, blockFrames } = this.#feed;
    const stretched = key !== 0 || tempo !== 1;
    if (stretched) await loadStretcher(this.#context);
    if (this.#stopped) return;
    this.#playback = stretched
      ? new StretchedPlayback(this.#context, this.#fade, { rate, channels, key, tempo })
      : new BufferPlayback(this.#context, this.#fade, { rate });
    const plan = { total, blockFrames, loop: loopFrames(loop, { total, rate }) };
    let frame = Math.min(total, Math.round(this.#from * rate));
    for (let piece = pieceAt(frame, plan); piece; piece = pieceAt(frame, plan)) {
      const samples = await this.#block(piece.block);
      if (this.#stopped) return;
      const following = pieceAt(piece.next, plan);
      this.#playback.append(floats(samples, channels, piece.offset, piece.frames), frame, !following);
      frame = piece.next;
      // The next one is on its way while this one is heard.
      if (following) this.#feed.block(following.block).catch(() => {});
      this.#look();
      while (!this.#stopped && this.#playback.ahead > AHEAD_S) await this.#nap();
      if (this.#stopped) return;
    }
    this.#allLaid = true;
    this.#look();
  }

  /** A block, however long the server cannot be reached. */
  async #block(index) {
    for (let pause = RETRY_MS; ; pause = Math.min(2 * pause, RETRY_AT_MOST_MS)) {
      try {
        return await this.#feed.block(index);
      } catch (problem) {
        const passes = problem.status === 0 || problem.status === 409 || problem.status >= 500;
        if (this.#stopped || !passes) throw problem;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #nap() {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #look() {
    if (this.#stopped || !this.#playback) return;
    this.#wake();
    const dry = this.#playback.dry;
    if (this.#allLaid && this.#playback.ahead <= 0) this.#tell("ended");
    else this.#tell(dry ? "waiting" : "sounding");
  }

  #tell(state, problem) {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "ended" || state === "problem") this.stop();
    this.#onState(state, problem);
  }
}
