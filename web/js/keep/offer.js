// A button on a finished song's card that keeps the song on this device, and takes it off again.

import { announce } from "../announcer.js";
import * as library from "../library.js";
import { bytes, text } from "../strings.js";
import { canKeep, drop, dropAllBut, hasRoom, keep, keptBytes } from "./offline-songs.js";

const words = text.keep;
let tidied = false;

/** Puts the button on the card of a song. */
export function attach(card) {
  if (!canKeep()) return;
  new Keeper(card);
  if (!tidied) dropAllBut(library.saved().map(({ id }) => id)).catch(() => {});
  tidied = true;
}

class Keeper {
  #card;
  #button = document.createElement("button");
  #note = document.createElement("p");
  #kept = null;
  #working = null;
  #armed = false;
  #share = 0;

  constructor(card) {
    this.#card = card;
    Object.assign(this.#button, { type: "button", className: "quiet keep" });
    Object.assign(this.#note, { className: "keep-note", hidden: true });
    this.#button.addEventListener("click", () => this.#press());
    this.#button.addEventListener("blur", () => this.#arm(false));
    this.#button.addEventListener("keydown", (event) => event.key === "Escape" && this.#arm(false));
    card.addEventListener("changed", () => this.#render());
    card.parts.extras.append(this.#button, this.#note);
    this.#render();
    keptBytes(card.id).then((known) => {
      this.#kept = known;
      this.#render();
    }, () => {});
  }

  /** Bytes of the song: 16 bits for each channel of each stem. */
  get #bytes() {
    const { stems, samples } = this.#card.track;
    return 44 + stems.filter((stem) => stem.multitrack !== null).length * 4 * samples;
  }

  async #press() {
    if (this.#working) return this.#working.abort();
    if (!this.#kept) return this.#keep();
    if (!this.#armed) return this.#arm(true);
    this.#armed = false;
    await drop(this.#card.id);
    this.#kept = null;
    this.#render();
    announce(words.dropped(this.#card.title));
  }

  async #keep() {
    this.#say("");
    this.#working = new AbortController();
    const { signal } = this.#working;
    this.#share = 0;
    this.#render();
    try {
      if (await hasRoom(this.#bytes)) {
        const onProgress = (share) => {
          this.#share = share;
          this.#render();
        };
        this.#kept = await keep(this.#card.key, { onProgress, signal });
        announce(words.done(this.#card.title));
      } else this.#say(words.noRoom(bytes(this.#bytes)));
    } catch (problem) {
      if (problem.name === "QuotaExceededError") this.#say(words.noRoom(bytes(this.#bytes)));
      else if (!signal.aborted) this.#say(problem.status ? problem.detail || problem.title : words.failed);
    }
    this.#working = null;
    this.#render();
  }

  #arm(armed) {
    if (this.#armed === armed) return;
    this.#armed = armed;
    this.#render();
  }

  #say(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = !sentence;
    if (sentence) announce(sentence);
  }

  #render() {
    const button = this.#button;
    const size = bytes(this.#kept ?? this.#bytes);
    const shown = this.#working ? words.keeping(this.#share) : this.#armed ? words.dropSure : this.#kept ? words.kept(size) : words.keep(size);
    if (button.textContent !== shown) button.textContent = shown;
    button.disabled = this.#card.state !== "done" && !this.#kept;
    button.toggleAttribute("data-armed", this.#armed);
    button.toggleAttribute("data-some", Boolean(this.#kept));
    button.setAttribute("aria-label", text.of(shown, this.#card.title));
  }
}
