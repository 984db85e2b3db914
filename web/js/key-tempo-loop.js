// The controls for key, tempo and loop of a song.

import { clock, share, text } from "./strings.js";

/** Range of the key: semitones up and down. */
const MAX_SEMITONES = 12;
const MIN_LOOP_S = 0.3;

export class KeyTempoLoop {
  #parts;
  #player;
  #loopStart = null;

  constructor(parts, player) {
    [this.#parts, this.#player] = [parts, player];
    const { lower, higher, tempo, loop } = parts;
    lower.setAttribute("aria-label", text.keyLower);
    higher.setAttribute("aria-label", text.keyHigher);
    tempo.setAttribute("aria-label", text.tempoName);
    parts.keyTool.setAttribute("aria-label", text.keyName);
    lower.addEventListener("click", () => this.key(-1));
    higher.addEventListener("click", () => this.key(1));
    tempo.addEventListener("input", () => this.#adjust({ tempo: tempo.valueAsNumber / 100 }));
    tempo.addEventListener("dblclick", () => this.#adjust({ tempo: 1 }));
    loop.addEventListener("click", () => this.loop());
    player.addEventListener("mix", () => this.#render());
    player.addEventListener("state", () => this.#render());
    this.#render();
  }

  /** Changes the key by a number of semitones. */
  key(steps) {
    const key = Math.min(MAX_SEMITONES, Math.max(-MAX_SEMITONES, this.#player.key + steps));
    return this.#adjust({ key });
  }

  /** Changes the tempo by a number of percent. */
  tempo(steps) {
    const tempo = Math.min(150, Math.max(50, Math.round(this.#player.tempo * 100) + steps)) / 100;
    return this.#adjust({ tempo });
  }

  /** The first call sets the start of the loop, the second its end, the third removes it. */
  loop() {
    const { time, loop } = this.#player;
    if (loop) this.#player.adjust({ loop: null });
    // After a seek to before the start, this is a new start; a double press counts once.
    else if (this.#loopStart === null || time < this.#loopStart) this.#loopStart = time;
    else if (time < this.#loopStart + MIN_LOOP_S) return;
    else {
      this.#player.adjust({ loop: [this.#loopStart, time] });
      this.#loopStart = null;
    }
    this.#render();
  }

  async #adjust(change) {
    if (await this.#player.enableStretching()) this.#player.adjust(change);
    this.#render();
  }

  #render() {
    const { keyValue, lower, higher, tempo, tempoValue, loop, toolNote, loopRegion: region } = this.#parts;
    const { key, tempo: speed, loop: looped, canStretch, strips } = this.#player;
    const off = canStretch === false || !strips.length;
    keyValue.textContent = text.keyValue(key);
    [lower.disabled, higher.disabled, tempo.disabled] = [off || key <= -MAX_SEMITONES, off || key >= MAX_SEMITONES, off];
    tempo.value = Math.round(speed * 100);
    tempo.style.setProperty("--at", speed - 0.5);
    tempo.setAttribute("aria-valuetext", share(speed));
    tempoValue.textContent = share(speed);
    loop.disabled = !strips.length;
    loop.setAttribute("aria-pressed", Boolean(looped));
    loop.textContent = looped ? text.loopOff(...looped.map(clock)) : this.#loopStart === null ? text.loopFrom : text.loopTo(clock(this.#loopStart));
    region.hidden = !looped;
    const { duration } = this.#player;
    for (const [name, at] of [["--from", looped?.[0]], ["--to", looped?.[1]]]) region.style.setProperty(name, Math.min(1, (at ?? 0) / duration));
    toolNote.hidden = canStretch !== false;
    toolNote.textContent = text.noStretching;
  }
}
