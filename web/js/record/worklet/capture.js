// Runs on the audio thread: writes down side by side what goes out (the first input) and what comes in (the second,
// the microphone), as 16-bit samples with the context's frame at which they passed.

/** Frames sent at a time, a multiple of a quantum: 46 ms at 44.1 kHz, so that a meter moves smoothly. */
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
    // Both inputs have two channels, or none while nothing is plugged in.
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
