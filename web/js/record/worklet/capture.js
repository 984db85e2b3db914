// Runs on the audio thread: captures the output (first input) and the microphone (second input) as 16-bit samples,
// with the frame of the context at which they passed.

/** Frames per message, a multiple of the render quantum: 46 ms at 44.1 kHz, short enough for a level meter. */
const FRAMES = 2048;

class Capture extends AudioWorkletProcessor {
  #song = new Int16Array(2 * FRAMES);
  #voice = new Int16Array(FRAMES);
  #peak = 0;
  #filled = 0;
  #closed = false;

  constructor() {
    super();
    this.port.onmessage = () => (this.#closed = true);
  }

  process([song, voice], [out]) {
    if (this.#closed) return false;
    // Both inputs have two channels, or none while nothing is connected.
    const frames = out[0].length;
    const [left, right] = song;
    const [near, far] = voice;
    for (let i = 0; i < frames; i += 1) {
      const at = this.#filled + i;
      this.#song[2 * at] = left ? sample(left[i]) : 0;
      this.#song[2 * at + 1] = right ? sample(right[i]) : 0;
      const sung = near ? (near[i] + (far ?? near)[i]) / 2 : 0;
      this.#peak = Math.max(this.#peak, Math.abs(sung));
      this.#voice[at] = sample(sung);
    }
    this.#filled += frames;
    if (this.#filled >= FRAMES) this.#send(currentFrame + frames - FRAMES);
    return true;
  }

  #send(frame) {
    const [song, voice, peak] = [this.#song, this.#voice, this.#peak];
    this.port.postMessage({ frame, song, voice, peak }, [song.buffer, voice.buffer]);
    [this.#song, this.#voice, this.#peak, this.#filled] = [new Int16Array(2 * FRAMES), new Int16Array(FRAMES), 0, 0];
  }
}

const sample = (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768)));

registerProcessor("capture", Capture);
