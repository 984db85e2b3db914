// Plays all stems of one song together, also while it is still being separated: mix, key, tempo, loop, seek.

import { MixBus, stripGains } from "./audio/mix-bus.js";
import { PlaybackRun } from "./audio/playback-run.js";
import { BlockLoader } from "./audio/block-loader.js";
import { loadStretcher } from "./audio/stretched-source.js";
import { isVocal } from "./stems.js";

const TICK_MS = 50;
/** A position this close to the end of a new loop, in seconds, jumps to its start. */
const LOOP_END_S = 0.1;
let active = null;
const listeners = new Set();

/** The player that was started last, or null. */
export const activePlayer = () => active;
/** Calls `listener(player)` whenever any player starts, waits or stops. */
export const onPlaying = (listener) => listeners.add(listener);

/** Events: `state` (playing, waiting or failed changed), `time`, `mix` (level, mute, solo, key, tempo or loop changed). */
export class Player extends EventTarget {
  playing = false;
  waiting = false;
  failed = false;
  /** Whether key and tempo can be changed: null until the library was loaded or failed to load. */
  canStretch = null;
  context = null;
  #url;
  #renew;
  #song = null;
  #strips = [];
  #loader = null;
  #bus = null;
  #run = null;
  #time = 0;
  #ended = false;
  #timer = 0;
  #settings = { key: 0, tempo: 1, loop: null };

  /** `url()` gives the address of the multitrack WAV; `renew()` renews the access cookie after a 401. */
  constructor({ url, renew }) {
    super();
    this.#url = url;
    this.#renew = renew;
  }

  /** Position in the song, in seconds. */
  get time() {
    return this.#run ? this.#run.position : this.#time;
  }

  /** The song's length in seconds; 1 while it is unknown. */
  get duration() {
    return this.#loader ? this.#loader.total / this.#loader.rate : 1;
  }

  /** The channel strips `{ name, level, muted, solo }` in the order of the multitrack file; `level` 0 to 1.5. */
  get strips() {
    return this.#strips;
  }

  get key() {
    return this.#settings.key;
  }

  get tempo() {
    return this.#settings.tempo;
  }

  get loop() {
    return this.#settings.loop;
  }

  /** The node that carries the whole mix; null before the first playback. */
  get masterNode() {
    return this.#bus?.master ?? null;
  }

  /** Sets what to play: names of stems, sample rate in Hz, length in frames. */
  load({ stems, rate, samples }) {
    const song = `${stems} ${rate} ${samples}`;
    if (song === this.#song) return;
    this.#song = song;
    this.#unload();
    // Sung stems are silent until the user moves their fader: the user sings instead.
    const single = stems.length === 1;
    this.#strips = stems.map((name) => ({ name, level: isVocal(name) && !single ? 0 : 1, muted: false, solo: false }));
    this.#loader = new BlockLoader({ url: this.#url, renew: this.#renew, rate, total: samples, channels: 2 * stems.length });
    this.dispatchEvent(new Event("mix"));
  }

  /** Makes `context` and `masterNode` without playing. */
  prepare() {
    if (this.#loader) this.#open();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  play() {
    if (!this.#loader) return;
    if (active !== this) {
      active?.release();
      active = this;
    }
    if (this.#ended) this.#time = this.loop?.[0] ?? 0;
    this.#open();
    this.context.resume();
    this.failed = this.#ended = false;
    this.playing = this.waiting = true;
    this.#begin(this.#time);
    this.#changed();
  }

  pause() {
    this.#time = this.time;
    this.playing = this.waiting = false;
    this.#end();
    this.#changed();
  }

  /** Seeks to a position in seconds. Also while paused it requests the block there, so that the server separates it next. */
  seek(seconds) {
    this.#end();
    this.#time = Math.max(0, seconds);
    this.#ended = false;
    if (this.playing) this.#begin(this.#time);
    else if (this.#loader) {
      const last = Math.ceil(this.#loader.total / this.#loader.blockFrames) - 1;
      this.#loader.block(Math.min(last, Math.floor((this.#time * this.#loader.rate) / this.#loader.blockFrames))).catch(() => {});
    }
    this.dispatchEvent(new Event("time"));
  }

  /** Changes a strip: any of `{ level, muted, solo }`; `level` 0 to 1.5. */
  mix(name, change) {
    const strip = this.#strips.find((s) => s.name === name);
    if (!strip) return;
    Object.assign(strip, change);
    this.#applyGains(true);
    this.dispatchEvent(new Event("mix"));
  }

  /** Whether a stem is audible with the present levels, mutes and solos. */
  isAudible(name) {
    const stem = this.#strips.findIndex((s) => s.name === name);
    return stem >= 0 && stripGains(this.#strips)[stem] > 0;
  }

  /** Changes any of `{ key, tempo, loop }`: key in semitones, tempo 0.5 to 1.5, loop `[from, to]` in seconds or null. */
  adjust(change) {
    const before = { ...this.#settings };
    Object.assign(this.#settings, change);
    const { key, tempo, loop } = this.#settings;
    if (key === before.key && tempo === before.tempo && loop === before.loop) return;
    const neutral = key === 0 && tempo === 1;
    if (this.#run && loop === before.loop && this.#run.stretched && !neutral) this.#run.update({ key, tempo });
    else if (loop && loop !== before.loop && (this.time < loop[0] || this.time > loop[1] - LOOP_END_S)) this.seek(loop[0]);
    else if (this.#run) this.seek(this.time);
    this.dispatchEvent(new Event("mix"));
  }

  /** Loads the time-stretching library; resolves to whether key and tempo can be changed. */
  async enableStretching() {
    if (this.canStretch !== null) return this.canStretch;
    try {
      this.#open();
      await loadStretcher(this.context);
      this.canStretch = true;
    } catch {
      this.canStretch = false;
    }
    this.dispatchEvent(new Event("mix"));
    return this.canStretch;
  }

  /** Frees all audio resources; keeps the position and the mix. */
  release() {
    this.pause();
    this.#unload();
    if (active === this) active = null;
  }

  #open() {
    if (this.context) return;
    this.context = new AudioContext({ sampleRate: this.#loader.rate, latencyHint: "interactive" });
    this.#bus = new MixBus(this.context, this.#strips.length);
    this.#applyGains(false);
  }

  #unload() {
    this.#end();
    this.#loader?.clear();
    this.#bus?.close();
    this.context?.close();
    this.context = this.#bus = null;
  }

  #begin(from) {
    this.waiting = true;
    const run = new PlaybackRun({
      loader: this.#loader,
      context: this.context,
      into: this.#bus.input,
      from,
      settings: this.#settings,
      onState: (state, problem) => run === this.#run && this.#onRunState(state, problem),
    });
    this.#run = run;
    this.#timer ||= setInterval(() => this.dispatchEvent(new Event("time")), TICK_MS);
  }

  #end() {
    if (this.#run) this.#time = this.#run.position;
    this.#run?.stop();
    this.#run = null;
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #onRunState(state, problem) {
    if (state === "waiting" || state === "playing") {
      this.waiting = state === "waiting";
    } else {
      const stretching = this.#settings.key !== 0 || this.#settings.tempo !== 1;
      this.failed = state === "problem";
      this.#ended = state === "ended";
      if (this.failed && stretching && !problem?.status) {
        // The library is missing or does not run here: play the song unchanged.
        this.canStretch = false;
        Object.assign(this.#settings, { key: 0, tempo: 1 });
        this.failed = false;
        this.dispatchEvent(new Event("mix"));
        return this.#begin(this.#time);
      }
      this.pause();
    }
    this.#changed();
  }

  #applyGains(smooth) {
    stripGains(this.#strips).forEach((gain, stem) => this.#bus?.setGain(stem, gain, smooth));
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
    for (const listener of listeners) listener(this);
  }
}
