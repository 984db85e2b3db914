// Runs on the audio thread: a playback of pieces, played in another key and at another speed by the stretching library.
//
// The library's own processor (1.3.2) reads the wrong place where what it needs crosses from one buffer into the next,
// and goes on when its buffers have run out. This one keeps its own playback, and waits.

import "./catch-stretcher.js";
import "/lib/signalsmith-stretch.mjs";

const TELL_EVERY_S = 0.05;
/** So much of what was heard is kept: the stretcher looks back. */
const BEHIND_S = 1;

class StretchedPlayback extends globalThis.CaughtStretcher {
  #pieces = [];
  #end = 0;
  #heard = 0;
  #whole = false;
  #key = 0;
  #tempo = 1;
  #told = -1;
  #closed = false;

  constructor(options) {
    super(options);
    const { key, tempo } = options.processorOptions;
    [this.#key, this.#tempo] = [key, tempo];
    // The library has set a handler of its own, and will set another when its code is compiled.
    this.port.onmessage = (event) => this.#hear(event.data);
    Object.defineProperty(this.port, "onmessage", { set() {}, get: () => () => {} });
  }

  #hear(message) {
    if (message.piece) {
      if (!this.#end) this.#heard = -this.#lead;
      this.#pieces.push({ at: this.#end, channels: message.piece });
      this.#end += message.piece[0].length;
      this.#whole = message.last;
    }
    if (message.tempo) [this.#key, this.#tempo] = [message.key, message.tempo];
    if (message.close) this.#closed = true;
    this.#tell();
  }

  /** Frames of playback between what goes into the stretcher's output and what is heard of it. */
  get #lead() {
    return (this.outputLatencySeconds ?? 0) * sampleRate * this.#tempo;
  }

  #tell() {
    this.#told = currentTime;
    this.port.postMessage({ heard: this.#heard, end: this.#end, at: currentTime, ready: this.wasmReady, runs: this.#runs });
  }

  get #runs() {
    const needed = this.#heard + this.#lead + (this.inputLatencySeconds ?? 0) * sampleRate;
    return this.wasmReady && this.#end > 0 && (needed <= this.#end || (this.#whole && this.#heard < this.#end));
  }

  process(_inputs, [output]) {
    if (this.#closed) return false;
    if (currentTime - this.#told > TELL_EVERY_S) this.#tell();
    if (!this.#runs) return true;
    const wasm = this.wasmModule;
    const frames = output[0].length;
    wasm._setTransposeSemitones(this.#key, 8000 / sampleRate);
    wasm._setFormantSemitones(0, false);
    wasm._setFormantBase(0);
    const to = Math.round(this.#heard + this.#lead + this.inputLatencySeconds * sampleRate);
    this.#fill(to - this.bufferLength, to);
    wasm._seek(this.bufferLength, this.#tempo);
    wasm._process(0, frames);
    const memory = wasm.HEAP8.buffer;
    output.forEach((samples, c) => samples.set(new Float32Array(memory, this.buffersOut[c], frames)));
    this.#heard += frames * this.#tempo;
    this.#forget();
    return true;
  }

  /** Copies frames of the playback into the stretcher's input; silence where there is no playback. */
  #fill(from, to) {
    const memory = this.wasmModule.HEAP8.buffer;
    this.buffersIn.forEach((pointer, c) => {
      const into = new Float32Array(memory, pointer, to - from).fill(0);
      for (const { at, channels } of this.#pieces) {
        const samples = channels[c];
        const [begin, end] = [Math.max(from, at), Math.min(to, at + samples.length)];
        if (begin < end) into.set(samples.subarray(begin - at, end - at), begin - from);
      }
    });
  }

  #forget() {
    const [first] = this.#pieces;
    if (first && first.at + first.channels[0].length < this.#heard - BEHIND_S * sampleRate) this.#pieces.shift();
  }
}

registerProcessor("stretched-playback", StretchedPlayback);
