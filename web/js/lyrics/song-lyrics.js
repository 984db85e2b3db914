// The lyrics of one song: asked for when the song has some, replaced and removed at the server.

import * as api from "../api.js";

/** Fires `changed`; `lyrics` is what the server says, or null. */
export class SongLyrics extends EventTarget {
  lyrics = null;
  loading = false;
  #card;
  #seen;

  constructor(card) {
    super();
    this.#card = card;
    card.addEventListener("changed", () => this.#look());
    this.#look();
  }

  get synced() {
    return Boolean(this.lyrics?.synced);
  }

  /** Asks again: another device may have changed them. */
  async refresh() {
    this.loading = true;
    try {
      this.#set(await api.lyrics(this.#card.key));
    } catch (problem) {
      if (problem.status === 404) this.#set(null);
    }
    this.loading = false;
  }

  /** Takes a text or a file; gives what the server made of it. */
  async put(text) {
    const taken = await api.putLyrics(this.#card.key, text);
    this.#set(taken);
    return taken;
  }

  async remove() {
    await api.removeLyrics(this.#card.key);
    this.#set(null);
  }

  #look() {
    const since = this.#card.track?.lyrics?.updated_at ?? null;
    if (since === this.#seen) return;
    const first = this.#seen === undefined;
    this.#seen = since;
    if (since) this.refresh();
    else if (!first) this.#set(null);
  }

  #set(lyrics) {
    if (JSON.stringify(lyrics?.lines) === JSON.stringify(this.lyrics?.lines) && Boolean(lyrics) === Boolean(this.lyrics)) return;
    this.lyrics = lyrics;
    this.dispatchEvent(new Event("changed"));
  }
}
