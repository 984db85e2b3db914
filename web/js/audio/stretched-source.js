// Plays segments of a song with pitch shift or time stretch. All stems go through one stretcher, so that they stay in
// sync to the sample.

const MODULE = new URL("./worklet/stretched-source.js", import.meta.url);
const loaded = new WeakMap();

/** Loads the time-stretching library into a context; rejects when it is not installed. */
export function loadStretcher(context) {
  if (!loaded.has(context)) {
    const loading = context.audioWorklet.addModule(MODULE);
    loading.catch(() => loaded.delete(context));
    loaded.set(context, loading);
  }
  return loaded.get(context);
}

export class StretchedSource {
  #context;
  #node;
  #rate;
  #tempo;
  #segments = [];
  #end = 0;
  #report = { played: 0, at: 0, running: false };

  /** `loadStretcher` must have resolved for `context`. `key` in semitones, `tempo` as a factor. */
  constructor(context, into, { rate, channels, key, tempo }) {
    this.#context = context;
    this.#rate = rate;
    this.#tempo = tempo;
    this.#node = new AudioWorkletNode(context, "stretched-source", {
      numberOfInputs: 0,
      outputChannelCount: [channels],
      processorOptions: { key, tempo },
    });
    this.#node.port.onmessage = ({ data }) => (this.#report = data);
    this.#node.connect(into);
  }

  /** Changes key and tempo from now on. */
  update({ key, tempo }) {
    this.#tempo = tempo;
    this.#node.port.postMessage({ key, tempo });
  }

  /** Appends a segment: one Float32Array per channel, which begins at `frame` of the song; `last`: none will follow. */
  append(channels, frame, last) {
    this.#segments.push({ at: this.#end, frame, frames: channels[0].length });
    this.#end += channels[0].length;
    this.#node.port.postMessage({ segment: channels, last }, channels.map((samples) => samples.buffer));
    while (this.#segments.length > 1 && this.#segments[0].at + this.#segments[0].frames < this.#played) this.#segments.shift();
  }

  /** Input frames played so far, extrapolated from the worklet's last report. */
  get #played() {
    const { played, at, running } = this.#report;
    const since = running ? Math.max(0, this.#context.currentTime - at) * this.#rate * this.#tempo : 0;
    return Math.min(played + since, this.#end);
  }

  /** Seconds that are queued and not played yet. */
  get ahead() {
    return (this.#end - Math.max(0, this.#played)) / this.#rate / this.#tempo;
  }

  /** Whether the queue holds too little to go on. */
  get underrun() {
    return !this.#report.running;
  }

  /** Position in the song in seconds, output latency included; null before the first segment. */
  get position() {
    const played = Math.max(0, this.#played - (this.#context.outputLatency || 0) * this.#rate * this.#tempo);
    const segment = this.#segments.findLast(({ at }) => at <= played) ?? this.#segments[0];
    if (!segment) return null;
    return (segment.frame + Math.min(Math.max(0, played - segment.at), segment.frames)) / this.#rate;
  }

  stop() {
    this.#node.port.postMessage({ close: true });
    this.#node.disconnect();
  }
}
