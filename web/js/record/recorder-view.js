// The recorder's elements: record button and level meter, then faders and downloads of the take.

import { text } from "../strings.js";

const MARKUP = `
  <div class="recorder-live" data-part="live">
    <button type="button" class="record" data-part="record"><span class="record-light" aria-hidden="true"></span><span data-part="recordWord"></span></button>
    <span class="recorder-clock" data-part="clock" aria-hidden="true"></span>
    <div class="vu" data-part="meter" role="meter" aria-valuemin="-60" aria-valuemax="0" aria-valuenow="-60"><i></i></div>
    <p class="recorder-note" data-part="note"></p>
    <div class="recorder-options">
      <label><input type="checkbox" data-part="countIn" checked><span data-text="countIn"></span></label>
      <label><input type="checkbox" data-part="monitor"><span data-text="monitor"></span></label>
      <span class="recorder-delay"><span data-part="delay"></span> <button type="button" class="chip" data-part="measure" data-text="measure"></button></span>
    </div>
  </div>
  <div class="recorder-review" data-part="review" hidden>
    <div class="recorder-playback">
      <button type="button" class="play" data-part="listen"><svg viewBox="0 0 24 24" aria-hidden="true"><use class="when-stopped" href="#play"/><use class="when-sounding" href="#pause"/></svg></button>
      <input type="range" class="fader" data-part="position" min="0" step="any" value="0">
      <span class="value" data-part="times"></span>
    </div>
    <div class="recorder-faders">
      <label><span data-text="voice"></span><input type="range" class="fader" data-part="voice" min="0" max="150" value="100"></label>
      <label><span data-text="song"></span><input type="range" class="fader" data-part="song" min="0" max="150" value="100"></label>
      <label><span data-text="shift"></span><input type="range" class="fader" data-part="shift" min="-500" max="500" step="5" value="0"><span class="value" data-part="shiftValue"></span></label>
    </div>
    <div class="recorder-downloads">
      <button type="button" class="quiet" data-part="mix" data-text="mix"></button>
      <button type="button" class="quiet" data-part="alone" data-text="alone"></button>
    </div>
  </div>`;

/** Builds the elements; returns the element and its parts by their `data-part` names. */
export function buildRecorder() {
  const root = document.createElement("section");
  root.className = "recorder";
  root.hidden = true;
  root.innerHTML = MARKUP;
  const parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text.record[node.dataset.text];
  for (const [part, words] of [["meter", text.record.meter], ["position", text.record.position], ["shift", text.record.shift], ["voice", text.record.voice], ["song", text.record.song]]) {
    parts[part].setAttribute("aria-label", words);
  }
  return { root, parts };
}

const FLOOR_DB = -60;
const CLIP_DB = -1;
/** Fall of the meter in dB per call. */
const FALL_DB = 2;

/** A peak meter: rises at once, falls slowly. */
export class LevelMeter {
  #node;
  #db = FLOOR_DB;

  constructor(node) {
    this.#node = node;
    this.show(0);
  }

  /** `peak`: absolute sample value, 0 to 1. */
  show(peak) {
    const db = peak > 0 ? Math.max(FLOOR_DB, 20 * Math.log10(peak)) : FLOOR_DB;
    this.#db = peak === 0 ? FLOOR_DB : Math.max(db, this.#db - FALL_DB);
    this.#node.style.setProperty("--level", 1 - this.#db / FLOOR_DB);
    this.#node.setAttribute("aria-valuenow", Math.round(this.#db));
    this.#node.setAttribute("aria-valuetext", text.record.level(Math.round(this.#db)));
    this.#node.toggleAttribute("data-loud", this.#db > CLIP_DB);
  }
}
