// The button on a song's card that stores the song for offline use, and removes it again.

import { announce } from "../announcer.js";
import * as library from "../library.js";
import { bytes, text } from "../strings.js";
import { hasSpace, isSupported, removeAllBut, removeSong, storeSong, storedBytes } from "./store.js";

const words = text.offline;
let cleanedUp = false;

/** Adds the button to the card of a song. */
export function attach(card) {
  if (!isSupported()) return;
  new OfflineButton(card);
  if (!cleanedUp) removeAllBut(library.saved().map(({ id }) => id)).catch(() => {});
  cleanedUp = true;
}

class OfflineButton {
  #card;
  #button = document.createElement("button");
  #note = document.createElement("p");
  #storedBytes = null;
  #request = null;
  #armed = false;
  #progress = 0;

  constructor(card) {
    this.#card = card;
    Object.assign(this.#button, { type: "button", className: "quiet offline" });
    Object.assign(this.#note, { className: "offline-note", hidden: true });
    this.#button.addEventListener("click", () => this.#press());
    this.#button.addEventListener("blur", () => this.#setArmed(false));
    this.#button.addEventListener("keydown", (event) => event.key === "Escape" && this.#setArmed(false));
    card.addEventListener("changed", () => this.#render());
    card.parts.extras.append(this.#button, this.#note);
    this.#render();
    storedBytes(card.id).then((known) => {
      this.#storedBytes = known;
      this.#render();
    }, () => {});
  }

  /** Size of the multitrack WAV in bytes: 16 bits for each channel of each stem. */
  get #bytes() {
    const { stems, samples } = this.#card.track;
    return 44 + stems.filter((stem) => stem.multitrack !== null).length * 4 * samples;
  }

  async #press() {
    if (this.#request) return this.#request.abort();
    if (!this.#storedBytes) return this.#store();
    if (!this.#armed) return this.#setArmed(true);
    this.#armed = false;
    await removeSong(this.#card.id);
    this.#storedBytes = null;
    this.#render();
    announce(words.removed(this.#card.title));
  }

  async #store() {
    this.#showNote("");
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#progress = 0;
    this.#render();
    try {
      if (await hasSpace(this.#bytes)) {
        const onProgress = (fraction) => {
          this.#progress = fraction;
          this.#render();
        };
        this.#storedBytes = await storeSong(this.#card.key, { onProgress, signal });
        announce(words.done(this.#card.title));
      } else this.#showNote(words.noSpace(bytes(this.#bytes)));
    } catch (problem) {
      if (problem.name === "QuotaExceededError") this.#showNote(words.noSpace(bytes(this.#bytes)));
      else if (!signal.aborted) this.#showNote(problem.status ? problem.detail || problem.title : words.failed);
    }
    this.#request = null;
    this.#render();
  }

  #setArmed(armed) {
    if (this.#armed === armed) return;
    this.#armed = armed;
    this.#render();
  }

  #showNote(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = !sentence;
    if (sentence) announce(sentence);
  }

  #render() {
    const button = this.#button;
    const size = bytes(this.#storedBytes ?? this.#bytes);
    const shown = this.#request ? words.keeping(this.#progress) : this.#armed ? words.removeSure : this.#storedBytes ? words.kept(size) : words.keep(size);
    if (button.textContent !== shown) button.textContent = shown;
    button.disabled = this.#card.state !== "done" && !this.#storedBytes;
    button.toggleAttribute("data-armed", this.#armed);
    button.toggleAttribute("data-present", Boolean(this.#storedBytes));
    button.setAttribute("aria-label", text.of(shown, this.#card.title));
  }
}
