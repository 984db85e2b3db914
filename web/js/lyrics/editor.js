// The lyrics editor: first the text, then the times, by a key press at the start of each line while the song plays.

import { tenths, text } from "../strings.js";
import { everyFrame, SmoothClock } from "./clock.js";
import { buildEditor } from "./editor-markup.js";
import { toLrc } from "./lrc.js";
import { loadStyle } from "../markup.js";
import { TimedLines } from "./timed-lines.js";

const NUDGE_S = 0.1;
/** Going back to a line plays from this many seconds before it. */
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
  #lines;
  #dialog;
  #parts;
  #saved;
  #warned = false;
  #stopFrames;
  #stop = new AbortController();

  constructor(card, lyrics, onClosed) {
    [this.#card, this.#lyrics, this.#clock] = [card, lyrics, new SmoothClock(card.player)];
    const { root, parts } = buildEditor(card.title);
    [this.#dialog, this.#parts] = [root, parts];
    const lines = lyrics.lyrics?.lines ?? [];
    parts.words.value = lines.map((line) => line.text).join("\n");
    this.#lines = TimedLines.from(parts.words.value, lines);
    this.#saved = this.#state;
    this.#wire(onClosed);
    document.body.append(root);
    root.showModal();
    if (lyrics.synced) this.#toTiming();
    else parts.words.focus();
    this.#stopFrames = everyFrame(() => this.#renderTime());
    this.#renderPlay();
  }

  /** Compared with the saved state to find unsaved changes. */
  get #state() {
    return this.#parts.timing.hidden ? this.#parts.words.value.trim() : toLrc(this.#lines.lines);
  }

  #wire(onClosed) {
    const actions = {
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
    for (const [part, action] of Object.entries(actions)) this.#parts[part].addEventListener("click", action);
    this.#parts.lines.addEventListener("keydown", (event) => this.#onKey(event, actions));
    this.#parts.lines.addEventListener("click", (event) => {
      const index = [...this.#parts.lines.children].indexOf(event.target.closest("li"));
      if (index >= 0) this.#select(index);
    });
    // The page's shortcuts must not act while the editor is open.
    this.#dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    this.#dialog.addEventListener("close", () => {
      this.#stopFrames();
      this.#stop.abort();
      this.#dialog.remove();
      onClosed();
    });
    this.#card.player.addEventListener("state", () => this.#renderPlay(), { signal: this.#stop.signal });
  }

  #onKey(event, actions) {
    if (event.altKey || event.ctrlKey !== (event.key === "z" && event.ctrlKey) || event.metaKey) return;
    const keys = {
      " ": actions.stamp, Enter: actions.stamp, Backspace: actions.stepBack, ArrowLeft: actions.earlier, ArrowRight: actions.later,
      p: actions.play, r: actions.playFrom, z: actions.undo, s: actions.save,
      ArrowUp: () => this.#select(this.#lines.cursor - 1), ArrowDown: () => this.#select(this.#lines.cursor + 1),
      Home: () => this.#select(0), End: () => this.#select(Infinity),
    };
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    // A held key stamps only once.
    if (event.repeat && action === actions.stamp) return;
    action();
  }

  async #toTiming() {
    if (STAMPED.test(this.#parts.words.value) && !(await this.#saveStamped())) return;
    const words = this.#parts.words.value;
    if (!words.trim()) return this.#showStatus(text.editor.empty);
    const untouched = words.trim() === this.#lines.text;
    if (!untouched) this.#lines = TimedLines.from(words, this.#lines.lines.length ? this.#lines.lines : this.#lyrics.lyrics?.lines);
    const clean = this.#saved === this.#state;
    this.#parts.write.hidden = true;
    this.#parts.timing.hidden = false;
    if (clean && untouched) this.#saved = this.#state;
    this.#showLines();
    this.#showStatus("");
    this.#parts.lines.focus();
  }

  /** Text in LRC format was pasted: the server parses it. */
  async #saveStamped() {
    if (!(await this.#put(this.#parts.words.value))) return false;
    const { lines } = this.#lyrics.lyrics;
    this.#parts.words.value = lines.map((line) => line.text).join("\n");
    this.#lines = TimedLines.from(this.#parts.words.value, lines);
    this.#saved = this.#state;
    return true;
  }

  #toWords() {
    const clean = this.#saved === this.#state;
    this.#parts.words.value = this.#lines.text;
    this.#parts.timing.hidden = true;
    this.#parts.write.hidden = false;
    if (clean) this.#saved = this.#state;
    this.#showStatus("");
    this.#parts.words.focus();
  }

  #stamp() {
    const { line, ended } = this.#lines.stamp(this.#clock.now);
    const next = this.#lines.lines[this.#lines.cursor]?.text;
    const message = text.editor.at(line.text, tenths(line.start_s ?? 0)) + text.editor.next(next);
    this.#showLines();
    this.#showStatus(ended === null ? message : text.editor.ended(tenths(ended)));
  }

  #stepBack() {
    const from = this.#lines.stepBack();
    if (from === null) return;
    this.#card.seek(Math.max(0, from - LEAD_IN_S));
    this.#showLines();
    this.#showStatus(text.editor.next(this.#lines.lines[this.#lines.cursor].text).trim());
  }

  #nudge(by) {
    const time = this.#lines.nudge(by);
    this.#showLines();
    const line = this.#lines.lines[this.#lines.cursor];
    if (line) this.#showStatus(text.editor.at(line.text, time === null ? text.editor.none : tenths(time)));
  }

  #playFrom() {
    const start = this.#lines.lines[this.#lines.cursor]?.start_s;
    if (start !== undefined) this.#card.seek(start);
    if (!this.#card.player.playing) this.#card.toggle();
  }

  #undo() {
    this.#showStatus(this.#lines.undo() ? text.editor.undone : text.editor.nothing);
    this.#showLines();
  }

  #select(index) {
    this.#lines.select(index);
    this.#showLines();
  }

  async #saveText() {
    if (!this.#parts.words.value.trim()) return this.#showStatus(text.editor.empty);
    await this.#put(this.#parts.words.value);
  }

  async #save() {
    const { missing } = this.#lines;
    await this.#put(toLrc(this.#lines.lines), missing ? text.editor.missing(missing) : "");
  }

  async #put(lrc, warning = "") {
    const state = this.#state;
    try {
      await this.#lyrics.put(lrc);
      this.#saved = state;
      this.#showStatus([text.editor.saved, warning].filter(Boolean).join(" "));
      return true;
    } catch (problem) {
      this.#showStatus(text.editor.failed(problem.detail || problem.title));
      return false;
    }
  }

  /** Made in the browser, so that the work can be saved while the server is away. */
  #download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([toLrc(this.#lines.lines)], { type: "text/plain" }));
    link.download = text.editor.fileName(this.#card.title);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #close() {
    if (this.#state !== this.#saved && !this.#warned) {
      this.#warned = true;
      return this.#showStatus(text.editor.unsaved);
    }
    this.#dialog.close();
  }

  #showStatus(sentence) {
    if (sentence !== text.editor.unsaved) this.#warned = false;
    this.#parts.status.textContent = sentence;
  }

  #renderPlay() {
    this.#parts.play.textContent = this.#card.player.playing ? text.editor.pause : text.editor.play;
  }

  #renderTime() {
    const now = tenths(this.#clock.now);
    if (this.#parts.now.textContent !== now) this.#parts.now.textContent = now;
  }

  #showLines() {
    const { lines, cursor } = this.#lines;
    const list = this.#parts.lines;
    while (list.children.length > lines.length) list.lastElementChild.remove();
    lines.forEach((line, i) => this.#showLine(list.children[i] ?? list.appendChild(item(i)), line, i === cursor));
    const selected = list.children[cursor];
    if (selected) list.setAttribute("aria-activedescendant", selected.id);
    else list.removeAttribute("aria-activedescendant");
    selected?.scrollIntoView({ block: "nearest" });
  }

  #showLine(node, line, selected) {
    const [time, words] = node.children;
    time.textContent = line.start_s === undefined ? text.editor.none : tenths(line.start_s);
    words.textContent = line.text;
    node.toggleAttribute("data-timed", line.start_s !== undefined);
    node.setAttribute("aria-selected", selected);
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
