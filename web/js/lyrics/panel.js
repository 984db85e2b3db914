// The lyrics panel of a song's card: its buttons and lines.

import { announce } from "../announcer.js";
import { confirmButton } from "../confirm-button.js";
import { registerSong } from "../stage/broadcaster.js";
import { text } from "../strings.js";
import { everyFrame, SmoothClock } from "./clock.js";
import { acceptLyricsDrops } from "./file-drop.js";
import { loadStyle } from "../markup.js";
import { LineList } from "./line-list.js";
import { buildPanel } from "./panel-markup.js";
import { SongLyrics } from "./song-lyrics.js";

const MAX_BYTES = 256 * 1024;

/** Adds lyrics to the card of a song. */
export async function attach(card) {
  await loadStyle("/lyrics.css");
  new LyricsPanel(card);
}

class LyricsPanel {
  #card;
  #parts;
  #lyrics;
  #clock;
  #list;
  #renderRemove;
  #stopFrames = () => {};
  #closedByUser = false;

  constructor(card) {
    this.#card = card;
    this.#parts = buildPanel();
    this.#lyrics = new SongLyrics(card);
    this.#clock = new SmoothClock(card.player);
    const { box, list } = this.#parts;
    this.#list = new LineList({ box, list, onSeek: (seconds) => this.#seek(seconds) });
    this.#wire();
    card.parts.extras.append(this.#parts.toggle, this.#parts.stage, this.#parts.second);
    card.parts.extras.after(this.#parts.panel);
    registerSong(card, this.#lyrics);
    this.#renderNames();
    this.#fill();
  }

  #wire() {
    const { toggle, stage, second, choose, file, edit, remove, follow } = this.#parts;
    toggle.addEventListener("click", () => {
      this.#closedByUser = this.#open;
      this.#setOpen(!this.#open);
    });
    stage.addEventListener("click", () => this.#openStageView("openStage"));
    second.addEventListener("click", () => this.#openStageView("openWindow"));
    choose.addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      if (file.files[0]) this.#upload(file.files[0]);
      file.value = "";
    });
    edit.addEventListener("click", () => this.#openEditor());
    follow.addEventListener("click", () => {
      this.#list.follow(true);
      this.#parts.box.focus();
    });
    this.#renderRemove = confirmButton(remove, { label: text.lyrics.remove, sure: text.lyrics.removeSure, of: (words) => text.of(words, this.#card.title), act: () => this.#remove() });
    this.#list.addEventListener("following", () => (follow.hidden = this.#list.following));
    this.#lyrics.addEventListener("changed", () => this.#fill());
    this.#card.addEventListener("changed", () => this.#renderNames());
    this.#card.player.addEventListener("state", () => this.#onPlayerState());
    this.#card.player.addEventListener("time", () => this.#renderLines());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#open && this.#card.root.isConnected && this.#lyrics.refresh());
    acceptLyricsDrops(this.#card.root, (given) => this.#upload(given));
  }

  get #open() {
    return !this.#parts.panel.hidden;
  }

  #setOpen(open) {
    this.#parts.panel.hidden = !open;
    this.#parts.toggle.setAttribute("aria-expanded", open);
    this.#renderLines();
    if (open) this.#list.follow(true);
  }

  /** Playback opens the panel of a song with timed lyrics, unless the user has closed it. */
  #onPlayerState() {
    const { playing } = this.#card.player;
    if (playing && this.#lyrics.synced && !this.#closedByUser && !this.#open) this.#setOpen(true);
    this.#stopFrames();
    this.#stopFrames = playing ? everyFrame(() => this.#renderLines()) : () => {};
    this.#renderLines();
  }

  #renderLines() {
    if (this.#open) this.#list.show(this.#clock.now);
  }

  #seek(seconds) {
    // Slightly after the line's start, so that rounding does not select the line before.
    this.#card.seek(seconds + 0.005);
  }

  #renderNames() {
    const { title } = this.#card;
    const { toggle, stage, second, panel, list } = this.#parts;
    if (panel.dataset.title === title) return;
    panel.dataset.title = title;
    toggle.setAttribute("aria-label", text.lyrics.of(title));
    stage.setAttribute("aria-label", text.lyrics.stageOf(title));
    second.setAttribute("aria-label", text.lyrics.secondOf(title));
    panel.setAttribute("aria-label", text.lyrics.of(title));
    list.setAttribute("aria-label", text.lyrics.lines(title));
    this.#renderRemove();
  }

  #fill() {
    const { lyrics } = this.#lyrics;
    const { note, remove, list, empty, toggle } = this.#parts;
    note.textContent = lyrics ? text.lyrics.source(lyrics) : "";
    empty.textContent = text.lyrics.none;
    empty.hidden = Boolean(lyrics);
    list.hidden = !lyrics;
    remove.hidden = !lyrics;
    toggle.toggleAttribute("data-present", Boolean(lyrics));
    this.#list.set(lyrics);
    if (this.#card.player.playing) this.#onPlayerState();
    this.#renderLines();
  }

  async #upload(file) {
    this.#showProblem("");
    if (file.size > MAX_BYTES) return this.#showProblem(text.lyrics.failed(text.lyrics.tooLarge));
    try {
      const saved = await this.#lyrics.put(file);
      this.#setOpen(true);
      const unread = saved.unread_lines?.length ? ` ${text.lyrics.unread(saved.unread_lines)}` : "";
      this.#showProblem(unread.trim());
      announce(text.lyrics.added(this.#card.title, saved) + unread);
    } catch (problem) {
      this.#setOpen(true);
      this.#showProblem(text.lyrics.failed(problem.detail || problem.title), true);
    }
  }

  async #remove() {
    try {
      await this.#lyrics.remove();
      announce(text.lyrics.removed(this.#card.title));
      this.#parts.choose.focus();
    } catch (problem) {
      this.#showProblem(text.lyrics.failed(problem.detail || problem.title), true);
    }
  }

  #showProblem(sentence, aloud = false) {
    this.#parts.problem.textContent = sentence;
    this.#parts.problem.hidden = !sentence;
    if (aloud) announce(sentence);
  }

  /** `openStage` opens the stage view over this page, `openWindow` in a window for a second screen. */
  async #openStageView(how) {
    const stage = await import("../stage/dialog.js");
    stage[how]({ card: this.#card, lyrics: this.#lyrics });
  }

  async #openEditor() {
    const { openEditor } = await import("./editor.js");
    openEditor({ card: this.#card, lyrics: this.#lyrics, onClosed: () => this.#parts.edit.focus() });
  }
}
