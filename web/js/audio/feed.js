// Brings a song's stems from the server, all of them side by side, block by block, and keeps those that were needed last.

import { Problem } from "../api.js";

/** Seconds in a block: short, so that the first sound comes soon and a jump throws little away. */
const BLOCK_S = 2;
/** Bytes of blocks that are kept. */
const KEPT = 48e6;
const BYTES_A_SAMPLE = 2;

export class Feed {
  #url;
  #renew;
  #head;
  #blocks = new Map();
  #kept;

  /** `url()` is the address of the multitrack WAV; `renew()` asks for access again after a refusal. */
  constructor({ url, renew, rate, total, channels }) {
    this.#url = url;
    this.#renew = renew;
    this.rate = rate;
    this.total = total;
    this.channels = channels;
    this.blockFrames = Math.round(BLOCK_S * rate);
    this.#kept = Math.max(8, Math.floor(KEPT / (this.blockFrames * this.#frameBytes)));
  }

  get #frameBytes() {
    return this.channels * BYTES_A_SAMPLE;
  }

  /** Whether block `index` is here already. */
  has(index) {
    return this.#blocks.get(index)?.samples !== undefined;
  }

  /** The samples of block `index`, interleaved 16-bit; asking makes the server separate that part next. */
  block(index) {
    const known = this.#blocks.get(index);
    if (known) {
      this.#blocks.delete(index);
      this.#blocks.set(index, known);
      return known.promise;
    }
    const abort = new AbortController();
    const entry = { abort, promise: this.#fetch(index, abort.signal), samples: undefined };
    this.#blocks.set(index, entry);
    entry.promise.then(
      (samples) => (entry.samples = samples),
      () => this.#blocks.get(index) === entry && this.#blocks.delete(index),
    );
    this.#trim();
    return entry.promise;
  }

  /** Gives up what is on its way and not among the blocks named. */
  abandonAllBut(indices) {
    for (const [index, entry] of this.#blocks) {
      if (entry.samples || indices.includes(index)) continue;
      this.#blocks.delete(index);
      entry.abort.abort();
    }
  }

  /** Gives everything back. */
  clear() {
    this.abandonAllBut([]);
    this.#blocks.clear();
  }

  #trim() {
    for (const [index, entry] of this.#blocks) {
      if (this.#blocks.size <= this.#kept) return;
      if (entry.samples) this.#blocks.delete(index);
    }
  }

  async #fetch(index, signal) {
    this.#head ??= this.#readHead().catch((problem) => {
      this.#head = undefined;
      throw problem;
    });
    const head = await this.#head;
    const from = index * this.blockFrames;
    const frames = Math.min(this.blockFrames, this.total - from);
    const begin = head + from * this.#frameBytes;
    const bytes = await this.#bytes(begin, begin + frames * this.#frameBytes, signal);
    return new Int16Array(bytes, 0, frames * this.channels);
  }

  /** Bytes in front of the samples. */
  async #readHead() {
    const view = new DataView(await this.#bytes(0, 44 + 80));
    const word = (at) => view.getUint32(at);
    let at = 12;
    while (at + 8 <= view.byteLength && word(at) !== 0x64617461) at += 8 + view.getUint32(at + 4, true);
    return at + 8;
  }

  async #bytes(from, to, signal, again = true) {
    // The connection may also be lost in the middle of the answer.
    const { response, body } = await this.#ask({ Range: `bytes=${from}-${to - 1}` }, signal);
    if ([401, 403].includes(response.status) && again) {
      await this.#renew();
      return this.#bytes(from, to, signal, false);
    }
    if (!response.ok) throw Problem.parse(response.status, new TextDecoder().decode(body));
    return body;
  }

  async #ask(headers, signal) {
    try {
      const response = await fetch(this.#url(), { headers, signal });
      return { response, body: await response.arrayBuffer() };
    } catch (error) {
      throw error.name === "AbortError" ? error : Problem.network();
    }
  }
}

/** A piece of a block as one array of floats a channel. */
export function floats(samples, channels, offset, frames) {
  return Array.from({ length: channels }, (_, channel) => {
    const out = new Float32Array(frames);
    for (let i = 0, at = offset * channels + channel; i < frames; i += 1, at += channels) out[i] = samples[at] / 32768;
    return out;
  });
}
