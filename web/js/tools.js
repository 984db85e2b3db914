// Key, tempo and loop of a song.

import { clock, share, text } from "./strings.js";

const KEYS = 12;
const SHORTEST_LOOP_S = 0.3;

export class Tools {
  #parts;
  #player;
  #from = null;

  constructor(parts, player) {
    [this.#parts, this.#player] = [parts, player];
    const { lower, higher, tempo, loop } = parts;
    lower.setAttribute("aria-label", text.keyLower);
    higher.setAttribute("aria-label", text.keyHigher);
    tempo.setAttribute("aria-label", text.tempoName);
    parts.keyTool.setAttribute("aria-label", text.keyName);
    lower.addEventListener("click", () => this.key(-1));
    higher.addEventListener("click", () => this.key(1));
    tempo.addEventListener("input", () => this.#stretch({ tempo: tempo.valueAsNumber / 100 }));
    tempo.addEventListener("dblclick", () => this.#stretch({ tempo: 1 }));
    loop.addEventListener("click", () => this.loop());
    player.addEventListener("mix", () => this.#render());
    player.addEventListener("state", () => this.#render());
    this.#render();
  }

  /** Moves the key by semitones. */
  key(steps) {
    const key = Math.min(KEYS, Math.max(-KEYS, this.#player.key + steps));
    return this.#stretch({ key });
  }

  /** Moves the tempo by hundredths. */
  tempo(steps) {
    const tempo = Math.min(150, Math.max(50, Math.round(this.#player.tempo * 100) + steps)) / 100;
    return this.#stretch({ tempo });
  }

  /** From here; to here; no more. */
  loop() {
    const { time, loop } = this.#player;
    if (loop) this.#player.tune({ loop: null });
    // Who has jumped back begins anew; who presses twice at once has pressed once.
    else if (this.#from === null || time < this.#from) this.#from = time;
    else if (time < this.#from + SHORTEST_LOOP_S) return;
    else {
      this.#player.tune({ loop: [this.#from, time] });
      this.#from = null;
    }
    this.#render();
  }

  async #stretch(change) {
    if (await this.#player.tryStretching()) this.#player.tune(change);
    this.#render();
  }

  #render() {
    const { keyValue, lower, higher, tempo, tempoValue, loop, toolNote, looped: region } = this.#parts;
    const { key, tempo: speed, loop: looped, stretches, strips } = this.#player;
    const off = stretches === false || !strips.length;
    keyValue.textContent = text.keyValue(key);
    [lower.disabled, higher.disabled, tempo.disabled] = [off || key <= -KEYS, off || key >= KEYS, off];
    tempo.value = Math.round(speed * 100);
    tempo.style.setProperty("--at", speed - 0.5);
    tempo.setAttribute("aria-valuetext", share(speed));
    tempoValue.textContent = share(speed);
    loop.disabled = !strips.length;
    loop.setAttribute("aria-pressed", Boolean(looped));
    loop.textContent = looped ? text.loopOff(...looped.map(clock)) : this.#from === null ? text.loopFrom : text.loopTo(clock(this.#from));
    region.hidden = !looped;
    const { duration } = this.#player;
    for (const [name, at] of [["--from", looped?.[0]], ["--to", looped?.[1]]]) region.style.setProperty(name, Math.min(1, (at ?? 0) / duration));
    toolNote.hidden = stretches !== false;
    toolNote.textContent = text.noStretching;
  }
}
