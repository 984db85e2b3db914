// Listening back: plays a take, with a fader for voice and song and one that moves the voice, and takes it away as a file.

import { announce } from "../announcer.js";
import { clock, share, text } from "../strings.js";
import { mixdown, voiceAlone } from "./mixdown.js";
import { Playback } from "./playback.js";

const FULL = 100;
const words = text.record;

export class Review {
  #parts;
  #take;
  #playback;
  #title;
  #onPlay;
  #off = new AbortController();
  #scrubbing = false;

  /** `title()` names the song; `onPlay()` is called before the take is heard. */
  constructor(parts, { take, title, onPlay }) {
    [this.#parts, this.#take, this.#title, this.#onPlay] = [parts, take, title, onPlay];
    this.#playback = new Playback(take);
    this.#wire();
    this.#render();
  }

  pause() {
    if (this.#playback.playing) this.#playback.pause();
  }

  close() {
    this.#off.abort();
    this.#playback.close();
  }

  #wire() {
    const { listen, position, voice, song, shift, mix, alone } = this.#parts;
    const on = (node, type, act) => node.addEventListener(type, act, { signal: this.#off.signal });
    position.max = this.#playback.length;
    [voice.value, song.value, shift.value] = [FULL, FULL, 0];
    on(listen, "click", () => this.#toggle());
    on(position, "input", () => (this.#scrubbing = true));
    on(position, "change", () => {
      this.#scrubbing = false;
      this.#playback.seek(position.valueAsNumber);
    });
    for (const [name, fader] of [["voice", voice], ["song", song]]) {
      on(fader, "input", () => this.#playback.setGain(name, fader.valueAsNumber / FULL));
      on(fader, "input", () => this.#render());
    }
    on(shift, "input", () => this.#render());
    on(shift, "change", () => this.#playback.setShift(this.#shift));
    on(shift, "dblclick", () => {
      shift.value = 0;
      this.#playback.setShift(0);
      this.#render();
    });
    on(mix, "click", () => this.#save(mix, words.mixFile(this.#title()), (gains) => mixdown(this.#take, gains)));
    on(alone, "click", () => this.#save(alone, words.voiceFile(this.#title()), ({ shift: by }) => voiceAlone(this.#take, by)));
    for (const type of ["state", "time"]) on(this.#playback, type, () => this.#render());
  }

  get #shift() {
    return this.#parts.shift.valueAsNumber / 1000;
  }

  #toggle() {
    if (!this.#playback.playing) this.#onPlay();
    this.#playback.toggle();
  }

  async #save(button, name, make) {
    button.disabled = true;
    try {
      const { song, voice } = this.#playback.gains;
      const url = URL.createObjectURL(await make({ song, voice, shift: this.#shift }));
      const link = Object.assign(document.createElement("a"), { href: url, download: name });
      link.click();
      // The browser reads it at its leisure.
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      announce(words.saved(name));
    } finally {
      const lost = document.activeElement === document.body;
      button.disabled = false;
      if (lost) button.focus();
    }
  }

  #render() {
    const { listen, position, times, voice, song, shift, shiftValue } = this.#parts;
    const { playing, time, length } = this.#playback;
    listen.setAttribute("aria-label", playing ? words.pause : words.listen);
    listen.toggleAttribute("data-on", playing);
    if (!this.#scrubbing) position.value = time;
    position.style.setProperty("--at", length ? time / length : 0);
    position.setAttribute("aria-valuetext", text.positionValue(time, length));
    times.textContent = `${clock(time)} / ${clock(length)}`;
    for (const fader of [voice, song]) {
      fader.style.setProperty("--at", fader.value / 150);
      fader.setAttribute("aria-valuetext", share(fader.value / FULL));
    }
    const ms = shift.valueAsNumber;
    shift.style.setProperty("--at", (ms + 500) / 1000);
    shiftValue.textContent = words.shiftValue(ms);
    shift.setAttribute("aria-valuetext", words.shiftSpoken(ms));
  }
}
