// Runs on the audio thread: plays a queue of segments with pitch shift and time stretch.
//
// The library's own processor (1.3.2) reads the wrong position where its input crosses from one buffer into the next,
// and runs on when its buffers are empty. This one keeps its own queue, and waits on an underrun.

import "./intercept-processor.js";
import "/lib/signalsmith-stretch.mjs";

const REPORT_INTERVAL_S = 0.05;
/** Seconds of played input that are kept: the stretcher needs past input. */
const HISTORY_S = 1;

class StretchedSource extends globalThis.StretcherProcessor {
  #segments = [];
  #end = 0;
  #played = 0;
  #complete = false;
  #key = 0;
  #tempo = 1;
  #reportedAt = -1;
  #closed = false;

  constructor(options) {
    super(options);
    const { key, tempo } = options.processorOptions;
    [this.#key, this.#tempo] = [key, tempo];
    // The library has set its own handler, and would set another one once its WebAssembly is compiled.
    this.port.onmessage = (event) => this.#onMessage(event.data);
    Object.defineProperty(this.port, "onmessage", { set() {}, get: () => () => {} });
  }

  #onMessage(message) {
    if (message.segment) {
      if (!this.#end) this.#played = -this.#lead;
      this.#segments.push({ at: this.#end, channels: message.segment });
      this.#end += message.segment[0].length;
      this.#complete = message.last;
    }
    if (message.tempo) [this.#key, this.#tempo] = [message.key, message.tempo];
    if (message.close) this.#closed = true;
    this.#report();
  }

  /** Output latency of the stretcher, in input frames. */
  get #lead() {
    return (this.outputLatencySeconds ?? 0) * sampleRate * this.#tempo;
  }

  #report() {
    this.#reportedAt = currentTime;
    this.port.postMessage({ played: this.#played, at: currentTime, running: this.#running });
  }

  get #running() {
    const needed = this.#played + this.#lead + (this.inputLatencySeconds ?? 0) * sampleRate;
    return this.wasmReady && this.#end > 0 && (needed <= this.#end || (this.#complete && this.#played < this.#end));
  }

  process(_inputs, [output]) {
    if (this.#closed) return false;
    if (currentTime - this.#reportedAt > REPORT_INTERVAL_S) this.#report();
    if (!this.#running) return true;
    const wasm = this.wasmModule;
    const frames = output[0].length;
    wasm._setTransposeSemitones(this.#key, 8000 / sampleRate);
    wasm._setFormantSemitones(0, false);
    wasm._setFormantBase(0);
    const to = Math.round(this.#played + this.#lead + this.inputLatencySeconds * sampleRate);
    this.#fill(to - this.bufferLength, to);
    wasm._seek(this.bufferLength, this.#tempo);
    wasm._process(0, frames);
    const memory = wasm.HEAP8.buffer;
    output.forEach((samples, c) => samples.set(new Float32Array(memory, this.buffersOut[c], frames)));
    this.#played += frames * this.#tempo;
    this.#dropPlayed();
    return true;
  }

  /** Copies input frames `from` to `to` into the stretcher; silence where there are none. */
  #fill(from, to) {
    const memory = this.wasmModule.HEAP8.buffer;
    this.buffersIn.forEach((pointer, c) => {
      const into = new Float32Array(memory, pointer, to - from).fill(0);
      for (const { at, channels } of this.#segments) {
        const samples = channels[c];
        const [begin, end] = [Math.max(from, at), Math.min(to, at + samples.length)];
        if (begin < end) into.set(samples.subarray(begin - at, end - at), begin - from);
      }
    });
  }

  #dropPlayed() {
    const [first] = this.#segments;
    if (first && first.at + first.channels[0].length < this.#played - HISTORY_S * sampleRate) this.#segments.shift();
  }
}

registerProcessor("stretched-source", StretchedSource);
