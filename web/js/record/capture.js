// Captures what the player plays and what the microphone records in one audio graph, so that both have one clock.

const MODULE = new URL("./worklet/capture.js", import.meta.url);
const loaded = new WeakMap();

/** Event: `chunk`; its `detail` is `{ frame, song, voice, peak }`: 16-bit samples, stereo and mono, from `frame` on. */
export class Capture extends EventTarget {
  #node;
  #source;
  #song;
  #monitor;
  /** The frame after the last captured one. */
  end = 0;

  /** `song` is the node that carries the song; rejects if the microphone cannot be connected to its context. */
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
    // An analyser is processed although its output is not connected; so is the capture node before it.
    this.#node.connect(new AnalyserNode(context, { fftSize: 32 }));
  }

  /** Switches the monitoring of the microphone; the captured signal does not change. */
  monitor(on) {
    const now = this.context.currentTime;
    if (on) this.#source.connect(this.#monitor).connect(this.context.destination);
    this.#monitor.gain.setTargetAtTime(on ? 1 : 0, now, 0.02);
    if (!on) this.#monitor.disconnect();
  }

  /** The current frame of the context. */
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
      // The player was released and has disconnected its nodes itself.
    }
  }
}
