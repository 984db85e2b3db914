// Plays pieces of a song in another key or at another speed, through the time-stretching library. All stems go through
// one stretcher, so that they stay together to the sample.

const MODULE = new URL("./worklet/stretched-playback.js", import.meta.url);
const loaded = new WeakMap();

/** Loads the library into a context; rejects when it is not installed. */
export function loadStretcher(context) {
  if (!loaded.has(context)) {
    const loading = context.audioWorklet.addModule(MODULE);
    loading.catch(() => loaded.delete(context));
    loaded.set(context, loading);
  }
  return loaded.get(context);
}

export class StretchedPlayback {
  #context;
  #node;
  #rate;
  #tempo;
  #pieces = [];
  #end = 0;
  #told = { heard: 0, at: 0, runs: false };

  /** The library must be loaded. */
  constructor(context, into, { rate, channels, key, tempo }) {
    this.#context = context;
    this.#rate = rate;
    this.#tempo = tempo;
    this.#node = new AudioWorkletNode(context, "stretched-playback", {
      numberOfInputs: 0,
      outputChannelCount: [channels],
      processorOptions: { key, tempo },
    });
    this.#node.port.onmessage = ({ data }) => (this.#told = data);
    this.#node.connect(into);
  }

  /** Another key and speed from now on. */
  tune({ key, tempo }) {
    this.#tempo = tempo;
    this.#node.port.postMessage({ key, tempo });
  }

  /** Puts a piece at the end; `frame` is where it lies in the song, `last` says that none will follow. */
  append(channels, frame, last) {
    this.#pieces.push({ at: this.#end, frame, frames: channels[0].length });
    this.#end += channels[0].length;
    this.#node.port.postMessage({ piece: channels, last }, channels.map((samples) => samples.buffer));
    while (this.#pieces.length > 1 && this.#pieces[0].at + this.#pieces[0].frames < this.#heard) this.#pieces.shift();
  }

  /** Frames of playback that were heard, as far as is known. */
  get #heard() {
    const { heard, at, runs } = this.#told;
    const since = runs ? Math.max(0, this.#context.currentTime - at) * this.#rate * this.#tempo : 0;
    return Math.min(heard + since, this.#end);
  }

  /** Seconds that are still to be heard. */
  get ahead() {
    return (this.#end - Math.max(0, this.#heard)) / this.#rate / this.#tempo;
  }

  /** Whether nothing is left to be heard, or not enough to go on with. */
  get dry() {
    return !this.#told.runs;
  }

  /** Seconds in the song that are heard now; null before the first. */
  get position() {
    const heard = Math.max(0, this.#heard - (this.#context.outputLatency || 0) * this.#rate * this.#tempo);
    const piece = this.#pieces.findLast(({ at }) => at <= heard) ?? this.#pieces[0];
    if (!piece) return null;
    return (piece.frame + Math.min(Math.max(0, heard - piece.at), piece.frames)) / this.#rate;
  }

  stop() {
    this.#node.port.postMessage({ close: true });
    this.#node.disconnect();
  }
}
