// One recording: the samples of the song as it was played, and of the voice. Pure.

/** Longest take in seconds: three channels of 16 bits are then 320 MB. */
export const MAX_TAKE_S = 20 * 60;

export class Take {
  #chunks = [];
  #first = 0;
  #size = 0;
  #begin = 0;
  #end = null;
  /** Round-trip delay in seconds: the voice is recorded this much late. */
  delay = 0;

  constructor(rate) {
    this.rate = rate;
  }

  /** Appends a chunk of `Capture`; chunks must be contiguous and of the same size. */
  add({ frame, song, voice }) {
    if (!this.#chunks.length) [this.#first, this.#size] = [frame, voice.length];
    this.#chunks.push({ song, voice });
  }

  /** Sets the first frame of the take; earlier samples are used only for a shifted voice. */
  begin(frame) {
    this.#begin = frame;
  }

  /** Sets the frame after the last one of the take. */
  end(frame) {
    this.#end = Math.max(this.#begin, frame);
  }

  /** The frame after the last captured one. */
  get known() {
    return this.#first + this.#chunks.length * this.#size;
  }

  /** Length in frames. */
  get frames() {
    return (this.#end ?? this.known) - this.#begin;
  }

  /** Copies the song, stereo interleaved, from frame `at` of the take on into `into`; missing samples are silence. */
  song(at, into) {
    this.#copy("song", 2, this.#begin + at, into);
  }

  /** Copies the voice (mono), compensated for the delay; a positive `shift` moves it later by seconds. */
  voice(at, into, shift = 0) {
    this.#copy("voice", 1, this.#begin + at + Math.round((this.delay - shift) * this.rate), into);
  }

  #copy(what, channels, from, into) {
    into.fill(0);
    const frames = into.length / channels;
    for (let done = 0; done < frames; ) {
      const place = from + done - this.#first;
      const index = Math.floor(place / this.#size);
      const offset = place - index * this.#size;
      const count = Math.min(this.#size - offset, frames - done);
      const chunk = this.#chunks[index]?.[what];
      if (chunk) into.set(chunk.subarray(offset * channels, (offset + count) * channels), done * channels);
      done += count;
    }
  }
}
