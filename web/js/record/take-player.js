// Plays a take with the player's audio engine: song and voice, each with its own gain, the voice shifted.

import { MixBus } from "../audio/mix-bus.js";
import { PlaybackRun } from "../audio/playback-run.js";

const BLOCK_S = 0.5;
const TICK_MS = 50;
const [SONG, VOICE] = [0, 1];
const NEUTRAL = { key: 0, tempo: 1, loop: null };

/** Events: `state` and `time`. */
export class TakePlayer extends EventTarget {
  playing = false;
  #take;
  #context = null;
  #bus = null;
  #run = null;
  #time = 0;
  #timer = 0;
  #gains = { song: 1, voice: 1 };
  #shift = 0;

  constructor(take) {
    super();
    this.#take = take;
  }

  /** Position in the take, in seconds. */
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
      this.#bus = new MixBus(this.#context, 2);
      this.#bus.setGain(SONG, this.#gains.song, false);
      this.#bus.setGain(VOICE, this.#gains.voice, false);
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

  /** Sets the linear gain of `song` or `voice`, 0 to 1.5. */
  setGain(what, gain) {
    this.#gains[what] = gain;
    this.#bus?.setGain(what === "song" ? SONG : VOICE, gain);
  }

  /** Shifts the voice by seconds; positive is later. */
  setShift(seconds) {
    this.#shift = seconds;
    if (this.playing) this.seek(this.time);
  }

  close() {
    this.pause();
    this.#context?.close();
    this.#context = this.#bus = null;
  }

  #begin() {
    const run = new PlaybackRun({
      loader: takeLoader(this.#take, this.#shift),
      context: this.#context,
      into: this.#bus.input,
      from: this.#time,
      settings: NEUTRAL,
      onState: (state) => run === this.#run && (state === "ended" || state === "problem") && this.#stop(state),
    });
    this.#run = run;
    this.#timer = setInterval(() => this.dispatchEvent(new Event("time")), TICK_MS);
  }

  #stop(state) {
    this.pause();
    if (state === "ended") this.seek(0);
  }

  #end() {
    if (this.#run) this.#time = this.#run.position;
    this.#run?.stop();
    this.#run = null;
    clearInterval(this.#timer);
  }
}

/** A take as a block loader: song and voice as two stereo stems. */
function takeLoader(take, shift) {
  const blockFrames = Math.round(BLOCK_S * take.rate);
  return {
    rate: take.rate,
    total: take.frames,
    channels: 4,
    blockFrames,
    cancelPending() {},
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
