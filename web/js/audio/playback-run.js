// Plays a song's stems together from one start or seek to the next stop: loads blocks, queues them on a source, and
// reports the position.

import { toFloats } from "./block-loader.js";
import { loopFrames, segmentAt } from "./segments.js";
import { StretchedSource, loadStretcher } from "./stretched-source.js";
import { BufferedSource } from "./buffered-source.js";

/** Seconds that are queued ahead of the position. */
const AHEAD_S = 2.5;
/** How often the source is checked. */
const POLL_INTERVAL_MS = 40;
const FADE_S = 0.05;
/** Back-off between attempts to reach a server that does not answer: the first pause and the longest. */
const RETRY_MS = 400;
const MAX_RETRY_MS = 5000;

/**
 * Plays from `from` (seconds) on. `onState(state, problem)` is called when the state changes: `waiting` (no data yet),
 * `playing`, `ended`, or `problem`. `settings` are `{ key, tempo, loop }` as in `Player`.
 */
export class PlaybackRun {
  #loader;
  #context;
  #fade;
  #source = null;
  #stopped = false;
  #state = "waiting";
  #onState;
  #pollTimer = 0;
  #resume = () => {};
  #settings;
  #from;
  #allQueued = false;

  constructor({ loader, context, into, from, settings, onState }) {
    this.#loader = loader;
    this.#context = context;
    // `discrete`: the channels of the stems are passed on as they are, not mixed down.
    this.#fade = new GainNode(context, { channelInterpretation: "discrete" });
    this.#fade.connect(into);
    this.#from = from;
    this.#settings = settings;
    this.#onState = onState;
    this.#pollTimer = setInterval(() => this.#poll(), POLL_INTERVAL_MS);
    this.#queueAll().catch((problem) => this.#stopped || problem.name === "AbortError" || this.#setState("problem", problem));
  }

  /** Position in the song, in seconds. */
  get position() {
    return this.#source?.position ?? this.#from;
  }

  /** Whether key and tempo can be changed without a new run. */
  get stretched() {
    return this.#source instanceof StretchedSource;
  }

  update(settings) {
    this.#settings = { ...this.#settings, ...settings };
    this.#source?.update(this.#settings);
  }

  stop() {
    if (this.#stopped) return;
    // The position stays where playback stopped.
    this.#from = this.position;
    this.#stopped = true;
    clearInterval(this.#pollTimer);
    this.#fadeOut(this.#source);
    this.#source = null;
    this.#loader.cancelPending();
    this.#resume();
  }

  /** Fades out to avoid a click; the next run may start meanwhile. */
  #fadeOut(source) {
    const fade = this.#fade;
    fade.gain.setTargetAtTime(0, this.#context.currentTime, FADE_S / 5);
    setTimeout(() => {
      source?.stop();
      fade.disconnect();
    }, FADE_S * 1000);
  }

  async #queueAll() {
    const { key, tempo, loop } = this.#settings;
    const { rate, total, channels, blockFrames } = this.#loader;
    const stretched = key !== 0 || tempo !== 1;
    if (stretched) await loadStretcher(this.#context);
    if (this.#stopped) return;
    this.#source = stretched
      ? new StretchedSource(this.#context, this.#fade, { rate, channels, key, tempo })
      : new BufferedSource(this.#context, this.#fade, { rate });
    const plan = { total, blockFrames, loop: loopFrames(loop, { total, rate }) };
    let frame = Math.min(total, Math.round(this.#from * rate));
    for (let segment = segmentAt(frame, plan); segment; segment = segmentAt(frame, plan)) {
      const samples = await this.#block(segment.block);
      if (this.#stopped) return;
      const following = segmentAt(segment.next, plan);
      this.#source.append(toFloats(samples, channels, segment.offset, segment.frames), frame, !following);
      frame = segment.next;
      // Loads the next block while this one plays.
      if (following) this.#loader.block(following.block).catch(() => {});
      this.#poll();
      while (!this.#stopped && this.#source.ahead > AHEAD_S) await this.#waitForPoll();
      if (this.#stopped) return;
    }
    this.#allQueued = true;
    this.#poll();
  }

  /** Loads a block; retries as long as the server cannot be reached. */
  async #block(index) {
    for (let backOff = RETRY_MS; ; backOff = Math.min(2 * backOff, MAX_RETRY_MS)) {
      try {
        return await this.#loader.block(index);
      } catch (problem) {
        const isTransient = problem.status === 0 || problem.status === 409 || problem.status >= 500;
        if (this.#stopped || !isTransient) throw problem;
        await new Promise((resolve) => setTimeout(resolve, backOff));
      }
    }
  }

  #waitForPoll() {
    return new Promise((resolve) => (this.#resume = resolve));
  }

  #poll() {
    if (this.#stopped || !this.#source) return;
    this.#resume();
    const { underrun } = this.#source;
    if (this.#allQueued && this.#source.ahead <= 0) this.#setState("ended");
    else this.#setState(underrun ? "waiting" : "playing");
  }

  #setState(state, problem) {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "ended" || state === "problem") this.stop();
    this.#onState(state, problem);
  }
}
