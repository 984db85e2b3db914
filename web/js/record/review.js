// The review of a take: playback with faders for voice, song and shift, and downloads.

import { announce } from "../announcer.js";
import { clock, share, text } from "../strings.js";
import { mixdown, voiceAlone } from "./mixdown.js";
import { TakePlayer } from "./take-player.js";

const FULL = 100;
const words = text.record;

export class Review {
  #parts;
  #take;
  #player;
  #title;
  #onPlay;
  #abort = new AbortController();
  #scrubbing = false;

  /** `title()` gives the title of the song; `onPlay()` is called before the take plays. */
  constructor(parts, { take, title, onPlay }) {
    [this.#parts, this.#take, this.#title, this.#onPlay] = [parts, take, title, onPlay];
    this.#player = new TakePlayer(take);
    this.#wire();
    this.#render();
  }

  pause() {
    if (this.#player.playing) this.#player.pause();
  }

  close() {
    this.#abort.abort();
    this.#player.close();
  }

  #wire() {
    const { listen, position, voice, song, shift, mix, alone } = this.#parts;
    const on = (node, type, act) => node.addEventListener(type, act, { signal: this.#abort.signal });
    position.max = this.#player.length;
    [voice.value, song.value, shift.value] = [FULL, FULL, 0];
    on(listen, "click", () => this.#toggle());
    on(position, "input", () => (this.#scrubbing = true));
    on(position, "change", () => {
      this.#scrubbing = false;
      this.#player.seek(position.valueAsNumber);
    });
    for (const [name, fader] of [["voice", voice], ["song", song]]) {
      on(fader, "input", () => this.#player.setGain(name, fader.valueAsNumber / FULL));
      on(fader, "input", () => this.#render());
    }
    on(shift, "input", () => this.#render());
    on(shift, "change", () => this.#player.setShift(this.#shift));
    on(shift, "dblclick", () => {
      shift.value = 0;
      this.#player.setShift(0);
      this.#render();
    });
    on(mix, "click", () => this.#save(mix, words.mixFile(this.#title()), (gains) => mixdown(this.#take, gains)));
    on(alone, "click", () => this.#save(alone, words.voiceFile(this.#title()), ({ shift: by }) => voiceAlone(this.#take, by)));
    for (const type of ["state", "time"]) on(this.#player, type, () => this.#render());
  }

  get #shift() {
    return this.#parts.shift.valueAsNumber / 1000;
  }

  #toggle() {
    if (!this.#player.playing) this.#onPlay();
    this.#player.toggle();
  }

  async #save(button, name, make) {
    button.disabled = true;
    try {
      const { song, voice } = this.#player.gains;
      const url = URL.createObjectURL(await make({ song, voice, shift: this.#shift }));
      const link = Object.assign(document.createElement("a"), { href: url, download: name });
      link.click();
      // The browser may read the blob later.
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      announce(words.saved(name));
    } finally {
      const lostFocus = document.activeElement === document.body;
      button.disabled = false;
      if (lostFocus) button.focus();
    }
  }

  #render() {
    const { listen, position, times, voice, song, shift, shiftValue } = this.#parts;
    const { playing, time, length } = this.#player;
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
