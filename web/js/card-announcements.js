// What a screen reader hears of one song: that it is here, how far it is, that it can be played, how it ended.

import { announce } from "./announcer.js";
import { text } from "./strings.js";

const EVERY_SHARE = 0.25;

export class CardAnnouncements {
  #title;
  #announcedShare = 0;
  #announcedPlayable = false;

  /** `title()` gives the song's title as it is at that moment. */
  constructor(title) {
    this.#title = title;
  }

  /** The card has changed its state; `problem()` gives the title of what went wrong, once that is known. */
  entered(state, before, problem) {
    const title = this.#title();
    if (state === "uploading" && before !== "busy") announce(text.say.added(title));
    if (state === "arrived") announce(text.say.decoding(title));
    if (state === "done") announce(text.say.done(title));
    if (state === "cancelled") announce(text.say.cancelled(title));
    if (state === "failed") queueMicrotask(() => announce(text.say.failed(this.#title(), problem() ?? text.state.failed)));
  }

  /** How much of the song is separated, from 0 to 1, and whether it can be played yet. */
  progress(share, playable) {
    if (playable && !this.#announcedPlayable) {
      this.#announcedPlayable = true;
      announce(text.say.playable(this.#title()));
    }
    const step = Math.floor(share / EVERY_SHARE) * EVERY_SHARE;
    if (step > this.#announcedShare && step < 1) {
      this.#announcedShare = step;
      announce(text.say.percent(this.#title(), step * 100));
    }
  }
}
