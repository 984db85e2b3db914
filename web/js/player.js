// Plays all stems of one song together, also while it is still being separated: faders, key, tempo, loop, jumps.

import { MixGraph, gains } from "./audio/mix-graph.js";
import { Run } from "./audio/engine.js";
import { Feed } from "./audio/feed.js";
import { loadStretcher } from "./audio/stretched-playback.js";

const TICK_MS = 50;
/** Who is so near a loop's end when it is made begins it anew. */
const LOOP_END_S = 0.1;
/** Stems that a singer replaces: they are silent until their fader is moved. */
const SUNG = ["vocals", "lead"];

let onStage = null;
const listeners = new Set();

/** The player that was started last, or null. */
export const playerOnStage = () => onStage;
/** Calls back whenever any player starts, waits or stops. */
export const onPlaying = (listener) => listeners.add(listener);

/** Fires `state` (playing, waiting or failed changed), `time`, and `mix` (a fader, key, tempo or loop changed). */
export class Player extends EventTarget {
  playing = false;
  waiting = false;
  failed = false;
  /** Whether key and tempo can be had: null until that was tried. */
  stretches = null;
  context = null;
  #urlOf;
  #renew;
  #song = null;
  #strips = [];
  #feed = null;
  #graph = null;
  #run = null;
  #time = 0;
  #ended = false;
  #ticking = 0;
  #tuning = { key: 0, tempo: 1, loop: null };

  /** `urlOf()` gives the address of the multitrack WAV; `renew()` asks for access again after a refusal. */
  constructor({ urlOf, renew }) {
    super();
    this.#urlOf = urlOf;
    this.#renew = renew;
  }

  /** Seconds in the song. */
  get time() {
    return this.#run ? this.#run.position : this.#time;
  }

  /** The song's length in seconds; 1 while it is unknown. */
  get duration() {
    return this.#feed ? this.#feed.total / this.#feed.rate : 1;
  }

  /** What there is to mix: `{ name, level, muted, solo }`, in the order of the multitrack file. */
  get strips() {
    return this.#strips;
  }

  get key() {
    return this.#tuning.key;
  }

  get tempo() {
    return this.#tuning.tempo;
  }

  get loop() {
    return this.#tuning.loop;
  }

  /** Everything that sounds goes through here; null while nothing has been played. */
  get masterNode() {
    return this.#graph?.master ?? null;
  }

  /** Tells what there is to play: names of stems, sample rate and length in samples. */
  load({ stems, rate, samples }) {
    const song = `${stems} ${rate} ${samples}`;
    if (song === this.#song) return;
    this.#song = song;
    this.#unload();
    const alone = stems.length === 1;
    this.#strips = stems.map((name) => ({ name, level: SUNG.includes(name) && !alone ? 0 : 1, muted: false, solo: false }));
    this.#feed = new Feed({ url: this.#urlOf, renew: this.#renew, rate, total: samples, channels: 2 * stems.length });
    this.dispatchEvent(new Event("mix"));
  }

  /** Makes `context` and `masterNode` without playing. */
  prepare() {
    if (this.#feed) this.#open();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  play() {
    if (!this.#feed) return;
    if (onStage !== this) {
      onStage?.leave();
      onStage = this;
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

  /** Also a paused jump reaches the server at once, so that it separates that part next. */
  seek(seconds) {
    this.#end();
    this.#time = Math.max(0, seconds);
    this.#ended = false;
    if (this.playing) this.#begin(this.#time);
    else if (this.#feed) {
      const last = Math.ceil(this.#feed.total / this.#feed.blockFrames) - 1;
      this.#feed.block(Math.min(last, Math.floor((this.#time * this.#feed.rate) / this.#feed.blockFrames))).catch(() => {});
    }
    this.dispatchEvent(new Event("time"));
  }

  /** Moves a fader (0 to 1.5), mutes or makes solo. */
  mix(name, change) {
    const strip = this.#strips.find((s) => s.name === name);
    if (!strip) return;
    Object.assign(strip, change);
    this.#applyGains(true);
    this.dispatchEvent(new Event("mix"));
  }

  /** Whether a stem can be heard as the faders stand. */
  isHeard(name) {
    const stem = this.#strips.findIndex((s) => s.name === name);
    return stem >= 0 && gains(this.#strips)[stem] > 0;
  }

  /** Another key (semitones), tempo (0.5 to 1.5) or loop (`[from, to]` in seconds, or null). */
  tune(change) {
    const before = { ...this.#tuning };
    Object.assign(this.#tuning, change);
    const { key, tempo, loop } = this.#tuning;
    if (key === before.key && tempo === before.tempo && loop === before.loop) return;
    const neutral = key === 0 && tempo === 1;
    if (this.#run && loop === before.loop && this.#run.stretched && !neutral) this.#run.tune({ key, tempo });
    else if (loop && loop !== before.loop && (this.time < loop[0] || this.time > loop[1] - LOOP_END_S)) this.seek(loop[0]);
    else if (this.#run) this.seek(this.time);
    this.dispatchEvent(new Event("mix"));
  }

  /** Finds out whether key and tempo can be had here. */
  async tryStretching() {
    if (this.stretches !== null) return this.stretches;
    try {
      this.#open();
      await loadStretcher(this.context);
      this.stretches = true;
    } catch {
      this.stretches = false;
    }
    this.dispatchEvent(new Event("mix"));
    return this.stretches;
  }

  /** Gives everything back but the position and the mix. */
  leave() {
    this.pause();
    this.#unload();
    if (onStage === this) onStage = null;
  }

  #open() {
    if (this.context) return;
    this.context = new AudioContext({ sampleRate: this.#feed.rate, latencyHint: "interactive" });
    this.#graph = new MixGraph(this.context, this.#strips.length);
    this.#applyGains(false);
  }

  #unload() {
    this.#end();
    this.#feed?.clear();
    this.#graph?.close();
    this.context?.close();
    this.context = this.#graph = null;
  }

  #begin(from) {
    this.waiting = true;
    const run = new Run({
      feed: this.#feed,
      context: this.context,
      into: this.#graph.input,
      from,
      settings: this.#tuning,
      onState: (state, problem) => run === this.#run && this.#hear(state, problem),
    });
    this.#run = run;
    this.#ticking ||= setInterval(() => this.dispatchEvent(new Event("time")), TICK_MS);
  }

  #end() {
    if (this.#run) this.#time = this.#run.position;
    this.#run?.stop();
    this.#run = null;
    clearInterval(this.#ticking);
    this.#ticking = 0;
  }

  #hear(state, problem) {
    if (state === "waiting" || state === "sounding") {
      this.waiting = state === "waiting";
    } else {
      const stretching = this.#tuning.key !== 0 || this.#tuning.tempo !== 1;
      this.failed = state === "problem";
      this.#ended = state === "ended";
      if (this.failed && stretching && !problem?.status) {
        // The library is not there, or does not run here: then the song is played as it is.
        this.stretches = false;
        Object.assign(this.#tuning, { key: 0, tempo: 1 });
        this.failed = false;
        this.dispatchEvent(new Event("mix"));
        return this.#begin(this.#time);
      }
      this.pause();
    }
    this.#changed();
  }

  #applyGains(glide) {
    gains(this.#strips).forEach((gain, stem) => this.#graph?.setGain(stem, gain, glide));
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
    for (const listener of listeners) listener(this);
  }
}
