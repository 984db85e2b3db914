// A song as the stage sees it: what it is called, what is sung in it, where it is, and how to move it.

import { coverUrl } from "../api.js";
import { SmoothClock } from "../lyrics/clock.js";

/** The song of a card on this page. Fires `song` (what it is) and `state` (whether it plays). */
export class CardSong extends EventTarget {
  #card;
  #lyrics;
  #clock;
  #stop = new AbortController();

  constructor({ card, lyrics }) {
    super();
    [this.#card, this.#lyrics] = [card, lyrics];
    this.#clock = new SmoothClock(card.player);
    const { signal } = this.#stop;
    const tell = (name) => () => this.dispatchEvent(new Event(name));
    lyrics.addEventListener("changed", tell("song"), { signal });
    card.addEventListener("changed", tell("song"), { signal });
    card.player.addEventListener("state", tell("state"), { signal });
    card.player.addEventListener("time", tell("time"), { signal });
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

  /** Listens to the card no longer. */
  leave() {
    this.#stop.abort();
  }
}
