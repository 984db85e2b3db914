// Loads a song's multitrack WAV from the server in blocks, all stems side by side, with a cache of the blocks used last.

import { Problem } from "../api.js";

/** Length of a block in seconds: short, so that playback starts soon and a seek discards little. */
const BLOCK_S = 2;
/** Size of the cache in bytes. */
const CACHE_BYTES = 48e6;
const BYTES_PER_SAMPLE = 2;

export class BlockLoader {
  #url;
  #renew;
  #dataOffset;
  #blocks = new Map();
  #maxBlocks;

  /**
   * `url()` gives the address of the multitrack WAV; `renew()` renews the access cookie after a 401.
   * `rate` in Hz, `total` length in frames, `channels` of all stems together.
   */
  constructor({ url, renew, rate, total, channels }) {
    this.#url = url;
    this.#renew = renew;
    this.rate = rate;
    this.total = total;
    this.channels = channels;
    this.blockFrames = Math.round(BLOCK_S * rate);
    this.#maxBlocks = Math.max(8, Math.floor(CACHE_BYTES / (this.blockFrames * this.#frameBytes)));
  }

  get #frameBytes() {
    return this.channels * BYTES_PER_SAMPLE;
  }

  /** The samples of block `index`, interleaved 16-bit. A request makes the server separate that part of the song next. */
  block(index) {
    const cached = this.#blocks.get(index);
    if (cached) {
      this.#blocks.delete(index);
      this.#blocks.set(index, cached);
      return cached.promise;
    }
    const abort = new AbortController();
    const entry = { abort, promise: this.#fetch(index, abort.signal), samples: undefined };
    this.#blocks.set(index, entry);
    entry.promise.then(
      (samples) => (entry.samples = samples),
      () => this.#blocks.get(index) === entry && this.#blocks.delete(index),
    );
    this.#evict();
    return entry.promise;
  }

  /** Cancels all requests in flight. */
  cancelPending() {
    for (const [index, entry] of this.#blocks) {
      if (entry.samples) continue;
      this.#blocks.delete(index);
      entry.abort.abort();
    }
  }

  /** Cancels all requests and empties the cache. */
  clear() {
    this.cancelPending();
    this.#blocks.clear();
  }

  #evict() {
    for (const [index, entry] of this.#blocks) {
      if (this.#blocks.size <= this.#maxBlocks) return;
      if (entry.samples) this.#blocks.delete(index);
    }
  }

  async #fetch(index, signal) {
    this.#dataOffset ??= this.#readDataOffset().catch((problem) => {
      this.#dataOffset = undefined;
      throw problem;
    });
    const dataOffset = await this.#dataOffset;
    const from = index * this.blockFrames;
    const frames = Math.min(this.blockFrames, this.total - from);
    const begin = dataOffset + from * this.#frameBytes;
    const bytes = await this.#bytes(begin, begin + frames * this.#frameBytes, signal);
    return new Int16Array(bytes, 0, frames * this.channels);
  }

  /** Offset of the samples in the file, in bytes: the end of the header of the RIFF chunk `data`. */
  async #readDataOffset() {
    const view = new DataView(await this.#bytes(0, 44 + 80));
    const tag = (at) => view.getUint32(at);
    let at = 12;
    while (at + 8 <= view.byteLength && tag(at) !== 0x64617461) at += 8 + view.getUint32(at + 4, true);
    return at + 8;
  }

  async #bytes(from, to, signal, mayRenew = true) {
    // The connection may also be lost in the middle of the body.
    const { response, body } = await this.#request({ Range: `bytes=${from}-${to - 1}` }, signal);
    if (response.status === 401 && mayRenew) {
      await this.#renew();
      return this.#bytes(from, to, signal, false);
    }
    if (!response.ok) throw Problem.parse(response.status, new TextDecoder().decode(body));
    return body;
  }

  async #request(headers, signal) {
    try {
      const response = await fetch(this.#url(), { headers, signal });
      return { response, body: await response.arrayBuffer() };
    } catch (error) {
      throw error.name === "AbortError" ? error : Problem.network();
    }
  }
}

/** `frames` frames of interleaved 16-bit `samples` from frame `offset` on: one Float32Array per channel, -1 to 1. */
export function toFloats(samples, channels, offset, frames) {
  return Array.from({ length: channels }, (_, channel) => {
    const out = new Float32Array(frames);
    for (let i = 0, at = offset * channels + channel; i < frames; i += 1, at += channels) out[i] = samples[at] / 32768;
    return out;
  });
}
