// Draws a song's stems as waveforms, the vocals in front, as far as they are separated.

import { peaks } from "./api.js";
import { isVocal } from "./stems.js";

/** Resolution: peaks per song, as the server is asked for them. */
const PLACES = 600;
/** Ranges that become ready within this time are requested together. */
const FETCH_DELAY_MS = 250;

export class Waveform {
  #canvas;
  #player;
  #key = null;
  #places = PLACES;
  #stems = new Map();
  #range = null;
  #timer = 0;

  constructor(canvas, player) {
    [this.#canvas, this.#player] = [canvas, player];
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.draw());
    player.addEventListener("mix", () => this.draw());
  }

  /** Part of the song is separated: `from` and `to` as fractions of its length. */
  loadRange(key, from, to) {
    this.#key = key;
    const [first, last] = [Math.floor(from * this.#places), Math.ceil(to * this.#places)];
    this.#range = this.#range ? [Math.min(first, this.#range[0]), Math.max(last, this.#range[1])] : [first, last];
    this.#timer ||= setTimeout(() => this.#fetch(), FETCH_DELAY_MS);
  }

  async #fetch() {
    const [from, to] = this.#range;
    [this.#timer, this.#range] = [0, null];
    const outline = await peaks(this.#key, { places: this.#places, from, to }).catch(() => null);
    for (const { name, peaks: values } of outline?.stems ?? []) {
      const known = this.#stems.get(name) ?? new Array(this.#places).fill(null);
      values.forEach((value, i) => (known[from + i] = value ?? known[from + i]));
      this.#stems.set(name, known);
    }
    this.draw();
  }

  /** Scaled to the loudest peak, so that a quiet song fills the height, too. */
  draw() {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((px) => Math.round(px * devicePixelRatio));
    if (!width || !this.#stems.size) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const draw = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    draw.clearRect(0, 0, width, height);
    const loudest = Math.max(32, ...[...this.#stems.values()].flat());
    // The vocals last: they are drawn in front.
    const order = [...this.#stems.keys()].sort((a, b) => isVocal(a) - isVocal(b));
    for (const name of order) {
      draw.fillStyle = style.getPropertyValue(isVocal(name) ? "--wave-vocals" : "--wave-band");
      draw.globalAlpha = this.#player.isAudible(name) ? 1 : 0.35;
      this.#bars(draw, this.#stems.get(name), loudest, { width, height });
    }
  }

  #bars(draw, values, loudest, { width, height }) {
    const pitch = Math.max(2, Math.round(3 * devicePixelRatio));
    for (let x = 0; x < width; x += pitch) {
      const [from, to] = [x, x + pitch].map((at) => Math.floor((at / width) * values.length));
      const here = values.slice(from, Math.max(from + 1, to)).filter((value) => value !== null);
      if (!here.length) continue;
      const barHeight = Math.max(1, (Math.max(...here) / loudest) * height);
      draw.fillRect(x, (height - barHeight) / 2, Math.max(1, pitch - devicePixelRatio), barHeight);
    }
  }
}
