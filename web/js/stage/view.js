// The stage view: the current line in large type and the next one; without lyrics the song's cover and names.

import { drawCover } from "../cover.js";
import { fillLine, showDots, showProgress } from "../lyrics/line.js";
import { build } from "../markup.js";
import { COUNT_IN, Timeline } from "../lyrics/timeline.js";
import { clock, spokenTime, text } from "../strings.js";

const SCENE = `
<div class="scene" data-layout="cover">
  <div class="scene-light" aria-hidden="true"><i></i><i></i><i></i></div>
  <div class="scene-names">
    <div class="scene-cover" data-part="cover" aria-hidden="true"></div>
    <div><p class="scene-title" data-part="title"></p><p class="scene-artist" data-part="artist"></p></div>
  </div>
  <div class="scene-lines" data-part="lines" role="group">
    <p class="dots" data-part="dots" aria-hidden="true"></p>
    <div class="scene-now" data-part="now"></div>
    <div class="scene-next" data-part="next"></div>
  </div>
  <div class="scene-plain" data-part="plain" role="group" tabindex="0"></div>
  <div class="scene-foot">
    <span data-part="at"></span>
    <div class="scene-progress" data-part="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"><i></i></div>
    <span data-part="length"></span>
  </div>
</div>`;

/** Renders one song at a time. */
export class StageView {
  root;
  #parts;
  #timeline = null;
  #lines = [];
  #shown = null;
  #shownGroup = NaN;
  #second = -1;

  constructor() {
    ({ root: this.root, parts: this.#parts } = build(SCENE));
    for (const part of ["lines", "plain"]) this.#parts[part].setAttribute("aria-label", text.stage.lyrics);
    this.#parts.progress.setAttribute("aria-label", text.stage.progress);
  }

  /** Sets names and lyrics; does nothing if they are the same as before. */
  set(about, lyrics) {
    const key = JSON.stringify([about, lyrics?.lines]);
    if (key === this.#shown) return;
    this.#shown = key;
    const { title, artist, cover, plain } = this.#parts;
    title.textContent = about.title;
    artist.textContent = about.artist;
    cover.replaceChildren(drawCover(about.title), ...(about.cover ? [picture(about.cover)] : []));
    this.#lines = lyrics?.lines ?? [];
    this.#timeline = lyrics?.synced ? new Timeline(this.#lines) : null;
    this.#shownGroup = NaN;
    this.root.dataset.layout = this.#timeline ? "synced" : this.#lines.length ? "plain" : "cover";
    plain.replaceChildren(...(this.#timeline ? [] : this.#lines.map(plainLine)));
    plain.scrollTop = 0;
  }

  /** Renders a position; `time` and `duration` in seconds. */
  show(time, duration, playing) {
    this.root.toggleAttribute("data-playing", playing);
    this.#showFoot(time, duration);
    if (this.#timeline) this.#showLines(time);
    else if (playing && duration) this.#scrollPlain(time / duration);
  }

  /** The start in seconds of the group of lines `step` groups after the one at `time`; null without timed lyrics. */
  lineFrom(time, step) {
    const groups = this.#timeline?.groups;
    if (!groups) return null;
    const { group } = this.#timeline.at(time);
    return groups[Math.min(groups.length - 1, Math.max(0, group + step))].start;
  }

  #showLines(time) {
    const { group, singing, dots } = this.#timeline.at(time);
    const { groups } = this.#timeline;
    showDots(this.#parts.dots, dots, COUNT_IN);
    // During a pause the next line is already shown as the current one.
    const at = singing || !groups[group + 1] ? group : group + 1;
    if (at !== this.#shownGroup) {
      this.#shownGroup = at;
      this.#fill(this.#parts.now, groups[at]);
      this.#fill(this.#parts.next, groups[at + 1]);
    }
    this.#parts.lines.toggleAttribute("data-waiting", at !== group);
    const now = groups[at];
    if (!now) return;
    for (let i = now.from; i < now.to; i += 1) {
      showProgress(this.#parts.now.children[i - now.from], this.#lines[i], time, now.end);
    }
  }

  #fill(into, group) {
    const lines = group ? this.#lines.slice(group.from, group.to) : [];
    into.replaceChildren(...lines.map((line) => {
      const node = document.createElement("p");
      fillLine(node, line);
      node.style.setProperty("--chars", line.text.length);
      return node;
    }));
  }

  #showFoot(time, duration) {
    const { progress, at, length } = this.#parts;
    progress.style.setProperty("--done", duration ? Math.min(1, time / duration).toFixed(4) : 0);
    const second = Math.floor(time);
    if (second === this.#second && length.textContent === clock(duration)) return;
    this.#second = second;
    at.textContent = clock(time);
    length.textContent = clock(duration);
    progress.setAttribute("aria-valuenow", duration ? Math.floor((time / duration) * 100) : 0);
    progress.setAttribute("aria-valuetext", text.positionValue(time, duration));
    progress.title = spokenTime(time);
  }

  #scrollPlain(share) {
    const { plain } = this.#parts;
    if (plain.matches(":hover, :focus")) return;
    plain.scrollTop = share * (plain.scrollHeight - plain.clientHeight);
  }
}

function plainLine(line) {
  const node = document.createElement("p");
  fillLine(node, line);
  return node;
}

function picture(url) {
  const image = new Image();
  image.alt = "";
  image.decoding = "async";
  image.onload = () => image.toggleAttribute("data-loaded", true);
  image.onerror = () => image.remove();
  image.src = url;
  return image;
}
