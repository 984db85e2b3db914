// Writes down what a player plays and what the microphone hears, in one audio graph, so that they have one clock.

const MODULE = new URL("./worklet/capture.js", import.meta.url);
const loaded = new WeakMap();

/** Fires `chunk`; its `detail` is `{ frame, song, voice, peak }`: 16-bit samples, stereo and mono, from `frame` on. */
export class Capture extends EventTarget {
  #node;
  #source;
  #song;
  #monitor;
  /** The frame behind the last one that came. */
  end = 0;

  /** `song` is the node that all of the song goes through; rejects where the microphone cannot join its graph. */
  static async open({ context, song, stream }) {
    if (!loaded.has(context)) loaded.set(context, context.audioWorklet.addModule(MODULE));
    await loaded.get(context);
    await context.resume();
    return new Capture({ context, song, stream });
  }

  constructor({ context, song, stream }) {
    super();
    this.context = context;
    this.#song = song;
    this.#source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.#node = new AudioWorkletNode(context, "capture", { numberOfInputs: 2, channelCount: 2, channelCountMode: "explicit" });
    this.#monitor = new GainNode(context, { gain: 0 });
    this.#node.port.onmessage = ({ data }) => {
      this.end = data.frame + data.voice.length;
      this.dispatchEvent(new CustomEvent("chunk", { detail: data }));
    };
    song.connect(this.#node, 0, 0);
    this.#source.connect(this.#node, 0, 1);
    // An analyser is pulled although it leads nowhere, and the writing down with it.
    this.#node.connect(new AnalyserNode(context, { fftSize: 32 }));
  }

  /** Whether the singer hears the microphone; what is written down is the same. */
  monitor(on) {
    const now = this.context.currentTime;
    if (on) this.#source.connect(this.#monitor).connect(this.context.destination);
    this.#monitor.gain.setTargetAtTime(on ? 1 : 0, now, 0.02);
    if (!on) this.#monitor.disconnect();
  }

  /** The frame that is made now. */
  get frame() {
    return Math.round(this.context.currentTime * this.context.sampleRate);
  }

  close() {
    this.#node.port.postMessage("close");
    this.#node.port.onmessage = null;
    for (const node of [this.#source, this.#monitor, this.#node]) node.disconnect();
    try {
      this.#song.disconnect(this.#node);
    } catch {
      // The player has left, and has unplugged everything itself.
    }
  }
}
