// The lyrics of one song: loads, replaces and removes them at the server.

import * as api from "../api.js";

/** Event: `changed`. `lyrics` are the API's lyrics, or null. */
export class SongLyrics extends EventTarget {
  lyrics = null;
  loading = false;
  #card;
  #updatedAt;

  constructor(card) {
    super();
    this.#card = card;
    card.addEventListener("changed", () => this.#onCardChanged());
    this.#onCardChanged();
  }

  get synced() {
    return Boolean(this.lyrics?.synced);
  }

  /** Loads the lyrics again: another device may have changed them. */
  async refresh() {
    this.loading = true;
    try {
      this.#set(await api.lyrics(this.#card.key));
    } catch (problem) {
      if (problem.status === 404) this.#set(null);
    }
    this.loading = false;
  }

  /** Saves a text or a file; resolves to the lyrics as the server parsed them. */
  async put(text) {
    const saved = await api.putLyrics(this.#card.key, text);
    this.#set(saved);
    return saved;
  }

  async remove() {
    await api.removeLyrics(this.#card.key);
    this.#set(null);
  }

  #onCardChanged() {
    const updatedAt = this.#card.track?.lyrics?.updated_at ?? null;
    if (updatedAt === this.#updatedAt) return;
    const first = this.#updatedAt === undefined;
    this.#updatedAt = updatedAt;
    if (updatedAt) this.refresh();
    else if (!first) this.#set(null);
  }

  #set(lyrics) {
    if (JSON.stringify(lyrics?.lines) === JSON.stringify(this.lyrics?.lines) && Boolean(lyrics) === Boolean(this.lyrics)) return;
    this.lyrics = lyrics;
    this.dispatchEvent(new Event("changed"));
  }
}
