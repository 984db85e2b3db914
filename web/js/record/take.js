// One recording: the song as it was played and the voice as it came in, frame by frame. Pure.

/** Nobody sings longer in one go; 16 bits of three channels are then 320 MB. */
export const LONGEST_S = 20 * 60;

export class Take {
  #chunks = [];
  #first = 0;
  #size = 0;
  #begin = 0;
  #end = null;
  /** Seconds by which a voice comes in late. */
  delay = 0;

  constructor(rate) {
    this.rate = rate;
  }

  /** The chunks must follow each other and be of one size. */
  add({ frame, song, voice }) {
    if (!this.#chunks.length) [this.#first, this.#size] = [frame, voice.length];
    this.#chunks.push({ song, voice });
  }

  /** The song begins here; what came before is only looked at for a voice that is moved. */
  begin(frame) {
    this.#begin = frame;
  }

  /** The song ends here. */
  end(frame) {
    this.#end = Math.max(this.#begin, frame);
  }

  /** The frame behind the last one there is. */
  get known() {
    return this.#first + this.#chunks.length * this.#size;
  }

  /** Length in frames. */
  get frames() {
    return (this.#end ?? this.known) - this.#begin;
  }

  /** Copies the song, stereo interleaved, from `at` (in frames of the take) on; silence where there is none. */
  song(at, into) {
    this.#copy("song", 2, this.#begin + at, into);
  }

  /** Copies the voice; `shift` seconds more than 0 let it come later than the delay says. */
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
