// Plays a take: song and voice together, a fader for each, the voice where it belongs. The player's own playback carries it.

import { MixGraph } from "../audio/mix-graph.js";
import { Run } from "../audio/engine.js";

const BLOCK_S = 0.5;
const TICK_MS = 50;
const [SONG, VOICE] = [0, 1];
const NEUTRAL = { key: 0, tempo: 1, loop: null };

/** Fires `state` and `time`. */
export class Playback extends EventTarget {
  playing = false;
  #take;
  #context = null;
  #graph = null;
  #run = null;
  #time = 0;
  #ticking = 0;
  #gains = { song: 1, voice: 1 };
  #shift = 0;

  constructor(take) {
    super();
    this.#take = take;
  }

  /** Seconds in the take. */
  get time() {
    return this.#run ? this.#run.position : this.#time;
  }

  get length() {
    return this.#take.frames / this.#take.rate;
  }

  get gains() {
    return { ...this.#gains, shift: this.#shift };
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  play() {
    if (!this.#context) {
      this.#context = new AudioContext({ sampleRate: this.#take.rate });
      this.#graph = new MixGraph(this.#context, 2);
      this.#graph.setGain(SONG, this.#gains.song, false);
      this.#graph.setGain(VOICE, this.#gains.voice, false);
    }
    this.#context.resume();
    if (this.#time >= this.length - 0.05) this.#time = 0;
    this.playing = true;
    this.#begin();
    this.dispatchEvent(new Event("state"));
  }

  pause() {
    this.#end();
    this.playing = false;
    this.dispatchEvent(new Event("state"));
  }

  seek(seconds) {
    this.#end();
    this.#time = Math.min(this.length, Math.max(0, seconds));
    if (this.playing) this.#begin();
    this.dispatchEvent(new Event("time"));
  }

  /** Moves the fader of `song` or `voice`: 0 to 1.5. */
  setGain(what, gain) {
    this.#gains[what] = gain;
    this.#graph?.setGain(what === "song" ? SONG : VOICE, gain);
  }

  /** Lets the voice come so many seconds later, or earlier. */
  setShift(seconds) {
    this.#shift = seconds;
    if (this.playing) this.seek(this.time);
  }

  close() {
    this.pause();
    this.#context?.close();
    this.#context = this.#graph = null;
  }

  #begin() {
    const run = new Run({
      feed: feed(this.#take, this.#shift),
      context: this.#context,
      into: this.#graph.input,
      from: this.#time,
      settings: NEUTRAL,
      onState: (state) => run === this.#run && (state === "ended" || state === "problem") && this.#stop(state),
    });
    this.#run = run;
    this.#ticking = setInterval(() => this.dispatchEvent(new Event("time")), TICK_MS);
  }

  #stop(state) {
    this.pause();
    if (state === "ended") this.seek(0);
  }

  #end() {
    if (this.#run) this.#time = this.#run.position;
    this.#run?.stop();
    this.#run = null;
    clearInterval(this.#ticking);
  }
}

/** A take as the player's playback wants to be fed: song and voice side by side, two channels each. */
function feed(take, shift) {
  const blockFrames = Math.round(BLOCK_S * take.rate);
  return {
    rate: take.rate,
    total: take.frames,
    channels: 4,
    blockFrames,
    abandonAllBut() {},
    async block(index) {
      const at = index * blockFrames;
      const frames = Math.min(blockFrames, take.frames - at);
      const [song, voice, out] = [new Int16Array(2 * frames), new Int16Array(frames), new Int16Array(4 * frames)];
      take.song(at, song);
      take.voice(at, voice, shift);
      for (let i = 0; i < frames; i += 1) {
        out[4 * i] = song[2 * i];
        out[4 * i + 1] = song[2 * i + 1];
        out[4 * i + 2] = out[4 * i + 3] = voice[i];
      }
      return out;
    },
  };
}
