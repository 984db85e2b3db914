// Draws a song's stems as waveforms, the voice before the band, as far as they are there.

import { peaks } from "./api.js";

const PLACES = 600;
/** Places that are there soon after one another are asked for together. */
const GATHER_MS = 250;

export class Waveform {
  #canvas;
  #player;
  #key = null;
  #places = PLACES;
  #stems = new Map();
  #wanted = null;
  #timer = 0;

  constructor(canvas, player) {
    [this.#canvas, this.#player] = [canvas, player];
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.draw());
    player.addEventListener("mix", () => this.draw());
  }

  /** A part of the song is there, from and to as shares of it. */
  ready(key, from, to) {
    this.#key = key;
    const [first, last] = [Math.floor(from * this.#places), Math.ceil(to * this.#places)];
    this.#wanted = this.#wanted ? [Math.min(first, this.#wanted[0]), Math.max(last, this.#wanted[1])] : [first, last];
    this.#timer ||= setTimeout(() => this.#ask(), GATHER_MS);
  }

  async #ask() {
    const [from, to] = this.#wanted;
    [this.#timer, this.#wanted] = [0, null];
    const outline = await peaks(this.#key, { places: this.#places, from, to }).catch(() => null);
    for (const { name, peaks: values } of outline?.stems ?? []) {
      const known = this.#stems.get(name) ?? new Array(this.#places).fill(null);
      values.forEach((value, i) => (known[from + i] = value ?? known[from + i]));
      this.#stems.set(name, known);
    }
    this.draw();
  }

  /** Loud places are tall, also of a quiet song. */
  draw() {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((px) => Math.round(px * devicePixelRatio));
    if (!width || !this.#stems.size) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const draw = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    draw.clearRect(0, 0, width, height);
    const most = Math.max(32, ...[...this.#stems.values()].flat());
    // The band behind, the voice before it.
    const order = [...this.#stems.keys()].sort((a, b) => isSung(a) - isSung(b));
    for (const name of order) {
      draw.fillStyle = style.getPropertyValue(isSung(name) ? "--wave-voice" : "--wave-band");
      draw.globalAlpha = this.#player.isHeard(name) ? 1 : 0.35;
      this.#bars(draw, this.#stems.get(name), most, { width, height });
    }
  }

  #bars(draw, values, most, { width, height }) {
    const pitch = Math.max(2, Math.round(3 * devicePixelRatio));
    for (let x = 0; x < width; x += pitch) {
      const [from, to] = [x, x + pitch].map((at) => Math.floor((at / width) * values.length));
      const here = values.slice(from, Math.max(from + 1, to)).filter((value) => value !== null);
      if (!here.length) continue;
      const tall = Math.max(1, (Math.max(...here) / most) * height);
      draw.fillRect(x, (height - tall) / 2, Math.max(1, pitch - devicePixelRatio), tall);
    }
  }
}

const isSung = (name) => ["vocals", "lead"].includes(name);
