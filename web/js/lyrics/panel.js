// The lyrics on a song's card: the buttons, the lines, and what can be done with them.

import { announce } from "../announcer.js";
import { confirmed } from "../confirm-button.js";
import { mayLead } from "../stage/leader.js";
import { text } from "../strings.js";
import { everyFrame, SmoothClock } from "./clock.js";
import { takeDrops } from "./drop.js";
import { buildPanel, loadStyle } from "./markup.js";
import { LineList } from "./scroll.js";
import { SongLyrics } from "./song-lyrics.js";

const MAX_BYTES = 256 * 1024;

/** Puts the lyrics of a song on its card. */
export async function attach(card) {
  await loadStyle("/lyrics.css");
  new LyricsPanel(card);
}

class LyricsPanel {
  #card;
  #parts;
  #song;
  #clock;
  #list;
  #removing;
  #rest = () => {};
  #chosenShut = false;

  constructor(card) {
    this.#card = card;
    this.#parts = buildPanel();
    this.#song = new SongLyrics(card);
    this.#clock = new SmoothClock(card.player);
    const { box, list } = this.#parts;
    this.#list = new LineList({ box, list, onSeek: (seconds) => this.#seek(seconds) });
    this.#wire();
    card.parts.extras.append(this.#parts.toggle, this.#parts.stage, this.#parts.second);
    card.parts.extras.after(this.#parts.panel);
    mayLead(card, this.#song);
    this.#name();
    this.#fill();
  }

  #wire() {
    const { toggle, stage, second, choose, file, edit, remove, follow } = this.#parts;
    toggle.addEventListener("click", () => {
      this.#chosenShut = this.#open;
      this.#unfold(!this.#open);
    });
    stage.addEventListener("click", () => this.#stage("openStage"));
    second.addEventListener("click", () => this.#stage("openWindow"));
    choose.addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      if (file.files[0]) this.#take(file.files[0]);
      file.value = "";
    });
    edit.addEventListener("click", () => this.#openEditor());
    follow.addEventListener("click", () => {
      this.#list.follow(true);
      this.#parts.box.focus();
    });
    this.#removing = confirmed(remove, { label: text.lyrics.remove, sure: text.lyrics.removeSure, of: (words) => text.of(words, this.#card.title), act: () => this.#remove() });
    this.#list.addEventListener("strayed", () => (follow.hidden = this.#list.following));
    this.#song.addEventListener("changed", () => this.#fill());
    this.#card.addEventListener("changed", () => this.#name());
    this.#card.player.addEventListener("state", () => this.#onPlayer());
    this.#card.player.addEventListener("time", () => this.#paint());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#open && this.#card.root.isConnected && this.#song.refresh());
    takeDrops(this.#card.root, (given) => this.#take(given));
  }

  get #open() {
    return !this.#parts.panel.hidden;
  }

  #unfold(open) {
    this.#parts.panel.hidden = !open;
    this.#parts.toggle.setAttribute("aria-expanded", open);
    this.#paint();
    if (open) this.#list.follow(true);
  }

  /** Whoever plays a song for the first time wants to see its words. */
  #onPlayer() {
    const { playing } = this.#card.player;
    if (playing && this.#song.synced && !this.#chosenShut && !this.#open) this.#unfold(true);
    this.#rest();
    this.#rest = playing ? everyFrame(() => this.#paint()) : () => {};
    this.#paint();
  }

  #paint() {
    if (this.#open) this.#list.show(this.#clock.now);
  }

  #seek(seconds) {
    // A hair behind the line's beginning, so that rounding does not light the one before.
    this.#card.seek(seconds + 0.005);
  }

  #name() {
    const { title } = this.#card;
    const { toggle, stage, second, panel, list } = this.#parts;
    if (panel.dataset.title === title) return;
    panel.dataset.title = title;
    toggle.setAttribute("aria-label", text.lyrics.of(title));
    stage.setAttribute("aria-label", text.lyrics.stageOf(title));
    second.setAttribute("aria-label", text.lyrics.secondOf(title));
    panel.setAttribute("aria-label", text.lyrics.of(title));
    list.setAttribute("aria-label", text.lyrics.lines(title));
    this.#removing();
  }

  #fill() {
    const { lyrics } = this.#song;
    const { note, remove, list, empty, toggle } = this.#parts;
    note.textContent = lyrics ? text.lyrics.source(lyrics) : "";
    empty.textContent = text.lyrics.none;
    empty.hidden = Boolean(lyrics);
    list.hidden = !lyrics;
    remove.hidden = !lyrics;
    toggle.toggleAttribute("data-some", Boolean(lyrics));
    this.#list.set(lyrics);
    if (this.#card.player.playing) this.#onPlayer();
    this.#paint();
  }

  async #take(file) {
    this.#say("");
    if (file.size > MAX_BYTES) return this.#say(text.lyrics.failed(text.lyrics.tooLarge));
    try {
      const taken = await this.#song.put(file);
      this.#unfold(true);
      const unread = taken.unread_lines?.length ? ` ${text.lyrics.unread(taken.unread_lines)}` : "";
      this.#say(unread.trim());
      announce(text.lyrics.added(this.#card.title, taken) + unread);
    } catch (problem) {
      this.#unfold(true);
      this.#say(text.lyrics.failed(problem.detail || problem.title), true);
    }
  }

  async #remove() {
    try {
      await this.#song.remove();
      announce(text.lyrics.removed(this.#card.title));
      this.#parts.choose.focus();
    } catch (problem) {
      this.#say(text.lyrics.failed(problem.detail || problem.title), true);
    }
  }

  #say(sentence, aloud = false) {
    this.#parts.trouble.textContent = sentence;
    this.#parts.trouble.hidden = !sentence;
    if (aloud) announce(sentence);
  }

  /** `openStage` over this page, or `openWindow` for another screen. */
  async #stage(how) {
    const stage = await import("../stage/dialog.js");
    stage[how]({ card: this.#card, lyrics: this.#song });
  }

  async #openEditor() {
    const { openEditor } = await import("./editor.js");
    openEditor({ card: this.#card, lyrics: this.#song, onClosed: () => this.#parts.edit.focus() });
  }
}
