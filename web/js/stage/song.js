// The song of a card as the stage view needs it: names, lyrics, position and controls.

import { coverUrl } from "../api.js";
import { SmoothClock } from "../lyrics/clock.js";

/** Events: `song` (names or lyrics changed), `state` (playing changed), `time`. */
export class CardSong extends EventTarget {
  #card;
  #lyrics;
  #clock;
  #abort = new AbortController();

  constructor({ card, lyrics }) {
    super();
    [this.#card, this.#lyrics] = [card, lyrics];
    this.#clock = new SmoothClock(card.player);
    const { signal } = this.#abort;
    const emit = (name) => () => this.dispatchEvent(new Event(name));
    lyrics.addEventListener("changed", emit("song"), { signal });
    card.addEventListener("changed", emit("song"), { signal });
    card.player.addEventListener("state", emit("state"), { signal });
    card.player.addEventListener("time", emit("time"), { signal });
  }

  get about() {
    const { id, title, track } = this.#card;
    return { id, title, artist: track?.artist ?? "", cover: track?.cover ? coverUrl(id) : null };
  }

  get lyrics() {
    return this.#lyrics.lyrics;
  }

  get time() {
    return this.#clock.now;
  }

  get duration() {
    return this.#card.track?.duration_s ?? 0;
  }

  get playing() {
    return this.#card.player.playing;
  }

  /** Whether the position advances: playing, and not waiting for data. */
  get moving() {
    return this.playing && !this.#card.player.waiting;
  }

  get tempo() {
    return this.#card.player.tempo ?? 1;
  }

  toggle() {
    this.#card.toggle();
  }

  seek(seconds) {
    this.#card.seek(Math.min(Math.max(0, seconds), this.duration));
  }

  /** Removes all listeners. */
  release() {
    this.#abort.abort();
  }
}
