// What screen readers are told about a song while it is uploaded and separated.

import { announce } from "../announcer.js";
import { songEnded } from "../notify.js";
import { text } from "../strings.js";

/** The progress is announced each time it has grown by this fraction. */
const PROGRESS_STEP = 0.25;

export class CardAnnouncements {
  #announcedProgress = 0;
  #announcedPlayable = false;

  /** `problemTitle()` is asked a moment after a failure, when the card knows the reason. */
  stateChanged(before, state, { title, problemTitle }) {
    if (before === "opening") return;
    songEnded(title, state);
    if (state === "uploading" && before !== "busy") announce(text.announce.added(title));
    if (state === "arrived") announce(text.announce.decoding(title));
    if (state === "done") announce(text.announce.done(title));
    if (state === "cancelled") announce(text.announce.cancelled(title));
    if (state === "failed") queueMicrotask(() => announce(text.announce.failed(title, problemTitle() ?? text.state.failed)));
  }

  /** `progress` of the separation, 0 to 1. */
  progress(progress, { title, playable }) {
    if (playable && !this.#announcedPlayable) {
      this.#announcedPlayable = true;
      announce(text.announce.playable(title));
    }
    const step = Math.floor(progress / PROGRESS_STEP) * PROGRESS_STEP;
    if (step > this.#announcedProgress && step < 1) {
      this.#announcedProgress = step;
      announce(text.announce.percent(title, step * 100));
    }
  }
}
