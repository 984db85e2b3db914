// The position of a player for every animation frame; some players report it only a few times a second.

/** A position is extrapolated for at most this long. */
const MAX_EXTRAPOLATION_S = 0.5;
/** Smaller steps back are jitter of the reported position, not a seek. */
const JITTER_S = 0.25;

export class SmoothClock {
  #player;
  #reported = NaN;
  #reportedAt = 0;
  #shown = 0;

  /** `player` is anything with `time`, `playing`, and perhaps `waiting` and `tempo`. */
  constructor(player) {
    this.#player = player;
  }

  /** Position in the song, in seconds. */
  get now() {
    const { time, playing, waiting, tempo = 1 } = this.#player;
    const clock = performance.now() / 1000;
    if (time !== this.#reported) [this.#reported, this.#reportedAt] = [time, clock];
    if (!playing || waiting) return (this.#shown = time);
    const now = time + Math.min(MAX_EXTRAPOLATION_S, clock - this.#reportedAt) * tempo;
    const back = this.#shown - now;
    this.#shown = back > 0 && back < JITTER_S ? this.#shown : now;
    return this.#shown;
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
