// The editor: first the words, then, while the song plays, a key for each line when it begins.

import { tenths, text } from "../strings.js";
import { everyFrame, SmoothClock } from "./clock.js";
import { buildEditor } from "./editor-markup.js";
import { toLrc } from "./lrc.js";
import { loadStyle } from "./markup.js";
import { Sheet } from "./sheet.js";

const NUDGE_S = 0.1;
/** Who listens to a line again wants to hear how it comes. */
const LEAD_IN_S = 2;
const STAMPED = /^\s*\[\d+:\d/m;

/** Opens the editor for the song of a card. */
export async function openEditor({ card, lyrics, onClosed }) {
  await loadStyle("/lyrics.css");
  new Editor(card, lyrics, onClosed);
}

class Editor {
  #card;
  #lyrics;
  #clock;
  #sheet;
  #dialog;
  #parts;
  #saved;
  #warned = false;
  #rest;
  #stop = new AbortController();

  constructor(card, lyrics, onClosed) {
    [this.#card, this.#lyrics, this.#clock] = [card, lyrics, new SmoothClock(card.player)];
    const { root, parts } = buildEditor(card.title);
    [this.#dialog, this.#parts] = [root, parts];
    const lines = lyrics.lyrics?.lines ?? [];
    parts.words.value = lines.map((line) => line.text).join("\n");
    this.#sheet = Sheet.from(parts.words.value, lines);
    this.#saved = this.#state;
    this.#wire(onClosed);
    document.body.append(root);
    root.showModal();
    if (lyrics.synced) this.#toTiming();
    else parts.words.focus();
    this.#rest = everyFrame(() => this.#paint());
    this.#name();
  }

  /** What is compared to know whether something is not saved. */
  get #state() {
    return this.#parts.timing.hidden ? this.#parts.words.value.trim() : toLrc(this.#sheet.lines);
  }

  #wire(onClosed) {
    const acts = {
      close: () => this.#close(),
      toTiming: () => this.#toTiming(),
      toWords: () => this.#toWords(),
      saveText: () => this.#saveText(),
      save: () => this.#save(),
      download: () => this.#download(),
      play: () => this.#card.toggle(),
      stamp: () => this.#stamp(),
      stepBack: () => this.#stepBack(),
      earlier: () => this.#nudge(-NUDGE_S),
      later: () => this.#nudge(NUDGE_S),
      playFrom: () => this.#playFrom(),
      undo: () => this.#undo(),
    };
    for (const [part, act] of Object.entries(acts)) this.#parts[part].addEventListener("click", act);
    this.#parts.lines.addEventListener("keydown", (event) => this.#onKey(event, acts));
    this.#parts.lines.addEventListener("click", (event) => {
      const index = [...this.#parts.lines.children].indexOf(event.target.closest("li"));
      if (index >= 0) this.#choose(index);
    });
    // The page's own keys must not move the song under the editor.
    this.#dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    this.#dialog.addEventListener("close", () => {
      this.#rest();
      this.#stop.abort();
      this.#dialog.remove();
      onClosed();
    });
    this.#card.player.addEventListener("state", () => this.#name(), { signal: this.#stop.signal });
  }

  #onKey(event, acts) {
    if (event.altKey || event.ctrlKey !== (event.key === "z" && event.ctrlKey) || event.metaKey) return;
    const keys = {
      " ": acts.stamp, Enter: acts.stamp, Backspace: acts.stepBack, ArrowLeft: acts.earlier, ArrowRight: acts.later,
      p: acts.play, r: acts.playFrom, z: acts.undo, s: acts.save,
      ArrowUp: () => this.#choose(this.#sheet.cursor - 1), ArrowDown: () => this.#choose(this.#sheet.cursor + 1),
      Home: () => this.#choose(0), End: () => this.#choose(Infinity),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    // A key that is held is not a line after the other.
    if (event.repeat && act === acts.stamp) return;
    act();
  }

  async #toTiming() {
    if (STAMPED.test(this.#parts.words.value) && !(await this.#takeStamped())) return;
    const words = this.#parts.words.value;
    if (!words.trim()) return this.#say(text.editor.empty);
    const untouched = words.trim() === this.#sheet.text;
    if (!untouched) this.#sheet = Sheet.from(words, this.#sheet.lines.length ? this.#sheet.lines : this.#lyrics.lyrics?.lines);
    const clean = this.#saved === this.#state;
    this.#parts.write.hidden = true;
    this.#parts.timing.hidden = false;
    if (clean && untouched) this.#saved = this.#state;
    this.#showLines();
    this.#say("");
    this.#parts.lines.focus();
  }

  /** An .lrc file that was pasted: reading those is the server's part. */
  async #takeStamped() {
    if (!(await this.#put(this.#parts.words.value))) return false;
    const { lines } = this.#lyrics.lyrics;
    this.#parts.words.value = lines.map((line) => line.text).join("\n");
    this.#sheet = Sheet.from(this.#parts.words.value, lines);
    this.#saved = this.#state;
    return true;
  }

  #toWords() {
    const clean = this.#saved === this.#state;
    this.#parts.words.value = this.#sheet.text;
    this.#parts.timing.hidden = true;
    this.#parts.write.hidden = false;
    if (clean) this.#saved = this.#state;
    this.#say("");
    this.#parts.words.focus();
  }

  #stamp() {
    const { line, ended } = this.#sheet.stamp(this.#clock.now);
    const next = this.#sheet.lines[this.#sheet.cursor]?.text;
    const said = text.editor.at(line.text, tenths(line.start_s ?? 0)) + text.editor.next(next);
    this.#showLines();
    this.#say(ended === null ? said : text.editor.ended(tenths(ended)));
  }

  #stepBack() {
    const from = this.#sheet.stepBack();
    if (from === null) return;
    this.#card.seek(Math.max(0, from - LEAD_IN_S));
    this.#showLines();
    this.#say(text.editor.next(this.#sheet.lines[this.#sheet.cursor].text).trim());
  }

  #nudge(by) {
    const time = this.#sheet.nudge(by);
    this.#showLines();
    const line = this.#sheet.lines[this.#sheet.cursor];
    if (line) this.#say(text.editor.at(line.text, time === null ? text.editor.none : tenths(time)));
  }

  #playFrom() {
    const start = this.#sheet.lines[this.#sheet.cursor]?.start_s;
    if (start !== undefined) this.#card.seek(start);
    if (!this.#card.player.playing) this.#card.toggle();
  }

  #undo() {
    this.#say(this.#sheet.undo() ? text.editor.undone : text.editor.nothing);
    this.#showLines();
  }

  #choose(index) {
    this.#sheet.choose(index);
    this.#showLines();
  }

  async #saveText() {
    if (!this.#parts.words.value.trim()) return this.#say(text.editor.empty);
    await this.#put(this.#parts.words.value);
  }

  async #save() {
    const { missing } = this.#sheet;
    await this.#put(toLrc(this.#sheet.lines), missing ? text.editor.missing(missing) : "");
  }

  async #put(lrc, warning = "") {
    const state = this.#state;
    try {
      await this.#lyrics.put(lrc);
      this.#saved = state;
      this.#say([text.editor.saved, warning].filter(Boolean).join(" "));
      return true;
    } catch (problem) {
      this.#say(text.editor.failed(problem.detail || problem.title));
      return false;
    }
  }

  /** From what is here, so that a server that is away loses nobody's work. */
  #download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([toLrc(this.#sheet.lines)], { type: "text/plain" }));
    link.download = text.editor.fileName(this.#card.title);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #close() {
    if (this.#state !== this.#saved && !this.#warned) {
      this.#warned = true;
      return this.#say(text.editor.unsaved);
    }
    this.#dialog.close();
  }

  #say(sentence) {
    if (sentence !== text.editor.unsaved) this.#warned = false;
    this.#parts.status.textContent = sentence;
  }

  #name() {
    this.#parts.play.textContent = this.#card.player.playing ? text.editor.pause : text.editor.play;
  }

  #paint() {
    const now = tenths(this.#clock.now);
    if (this.#parts.now.textContent !== now) this.#parts.now.textContent = now;
  }

  #showLines() {
    const { lines, cursor } = this.#sheet;
    const list = this.#parts.lines;
    while (list.children.length > lines.length) list.lastElementChild.remove();
    lines.forEach((line, i) => this.#showLine(list.children[i] ?? list.appendChild(item(i)), line, i === cursor));
    const chosen = list.children[cursor];
    if (chosen) list.setAttribute("aria-activedescendant", chosen.id);
    else list.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  #showLine(node, line, chosen) {
    const [time, words] = node.children;
    time.textContent = line.start_s === undefined ? text.editor.none : tenths(line.start_s);
    words.textContent = line.text;
    node.toggleAttribute("data-timed", line.start_s !== undefined);
    node.setAttribute("aria-selected", chosen);
  }
}

function item(index) {
  const node = document.createElement("li");
  node.id = `editor-line-${index}`;
  node.setAttribute("role", "option");
  const words = document.createElement("span");
  words.dir = "auto";
  node.append(document.createElement("time"), words);
  return node;
}
