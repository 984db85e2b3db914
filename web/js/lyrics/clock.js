// The player's time at every moment: some players tell it only a few times a second.

/** So long a player's last word is believed. */
const PATIENCE_S = 0.5;
/** Smaller steps back are the player's inexactness, not a seek. */
const JITTER_S = 0.25;

export class SmoothClock {
  #player;
  #heard = NaN;
  #heardAt = 0;
  #told = 0;

  /** Anything with `time`, `playing`, and perhaps `waiting` and `tempo`. */
  constructor(player) {
    this.#player = player;
  }

  /** Seconds in the song. */
  get now() {
    const { time, playing, waiting, tempo = 1 } = this.#player;
    const clock = performance.now() / 1000;
    if (time !== this.#heard) [this.#heard, this.#heardAt] = [time, clock];
    if (!playing || waiting) return (this.#told = time);
    const now = time + Math.min(PATIENCE_S, clock - this.#heardAt) * tempo;
    const back = this.#told - now;
    this.#told = back > 0 && back < JITTER_S ? this.#told : now;
    return this.#told;
  }
}

/** Calls `paint()` in every frame until the returned function is called. */
export function everyFrame(paint) {
  let frame = 0;
  const next = () => {
    paint();
    frame = requestAnimationFrame(next);
  };
  frame = requestAnimationFrame(next);
  return () => cancelAnimationFrame(frame);
}
