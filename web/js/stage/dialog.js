// The stage over this page: full screen where the browser lets it, and the way to a second window.

import { announce } from "../announcer.js";
import { everyFrame } from "../lyrics/clock.js";
import { build, loadStyle } from "../lyrics/markup.js";
import { text } from "../strings.js";
import { keepAwake, onStageKeys, restWhenIdle } from "./hands.js";
import { lead } from "./leader.js";
import { CardSong } from "./song.js";
import { StageView } from "./view.js";

const DIALOG = `
<dialog class="stage-dialog">
  <div class="stage-floor" data-part="floor" role="group" tabindex="-1" aria-describedby="stage-keys" autofocus></div>
  <div class="stage-controls" data-part="controls" role="toolbar">
    <button type="button" class="quiet" data-part="play"></button>
    <button type="button" class="quiet" data-part="second" data-text="stage.window"></button>
    <button type="button" class="quiet" data-part="full" data-text="stage.fullScreen"></button>
    <button type="button" class="quiet" data-part="close" data-text="stage.close"></button>
    <p class="unseen" id="stage-keys" data-text="stage.keys"></p>
  </div>
</dialog>`;

const canFill = () => Boolean(document.documentElement.requestFullscreen);

/** Opens the stage for the song of a card, and gives the focus back when it is left. */
export async function openStage({ card, lyrics }) {
  const before = document.activeElement;
  // In the hand's own moment: browsers let nobody fill the screen later.
  const filled = canFill() ? document.documentElement.requestFullscreen().catch(() => {}) : null;
  await loadStyle("/stage.css");
  await filled;
  new StageDialog(card, lyrics, before);
}

class StageDialog {
  #song;
  #view = new StageView();
  #dialog;
  #parts;
  #endings;
  #before;

  constructor(card, lyrics, before) {
    this.#before = before;
    this.#song = new CardSong({ card, lyrics });
    const { root, parts } = build(DIALOG);
    [this.#dialog, this.#parts] = [root, parts];
    root.setAttribute("aria-label", text.stage.of(card.title));
    parts.controls.setAttribute("aria-label", text.stage.controls);
    parts.floor.setAttribute("aria-label", card.title);
    parts.floor.append(this.#view.root);
    parts.full.hidden = !canFill();
    this.#wire(card, lyrics);
    document.body.append(root);
    root.showModal();
    parts.floor.focus();
    lead({ card, lyrics });
    this.#endings = [keepAwake(), restWhenIdle(root), everyFrame(() => this.#paint())];
    this.#name();
  }

  #wire(card, lyrics) {
    const { play, second, full, close } = this.#parts;
    play.addEventListener("click", () => this.#song.toggle());
    close.addEventListener("click", () => this.#leave());
    full.addEventListener("click", () => this.#fullScreen());
    // Whoever has the stage on another screen wants the page on this one.
    second.addEventListener("click", () => openWindow({ card, lyrics }) && this.#leave());
    this.#dialog.addEventListener("keydown", (event) =>
      onStageKeys(event, { song: this.#song, view: this.#view, leave: () => this.#leave(), fullScreen: () => this.#fullScreen() }),
    );
    this.#dialog.addEventListener("close", () => this.#end());
    this.#song.addEventListener("state", () => this.#name());
    document.addEventListener("fullscreenchange", this.#onFullScreen);
  }

  #name() {
    this.#parts.play.textContent = this.#song.playing ? text.stage.pause : text.stage.play;
  }

  #paint() {
    this.#view.set(this.#song.about, this.#song.lyrics);
    this.#view.show(this.#song.time, this.#song.duration, this.#song.playing);
  }

  /** The browser takes Escape for itself while the screen is filled: leaving that is leaving the stage. */
  #onFullScreen = () => {
    if (document.fullscreenElement) return;
    if (this.#keeps) this.#keeps = false;
    else this.#leave();
  };
  #keeps = false;

  #fullScreen() {
    if (!canFill()) return;
    if (document.fullscreenElement) {
      this.#keeps = true;
      document.exitFullscreen().catch(() => {});
    } else document.documentElement.requestFullscreen().catch(() => {});
  }

  #leave() {
    this.#dialog.close();
  }

  #end() {
    document.removeEventListener("fullscreenchange", this.#onFullScreen);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    for (const end of this.#endings) end();
    this.#song.leave();
    this.#dialog.remove();
    this.#before?.focus();
  }
}

/** A window of its own for the second screen; it follows this page. */
export function openWindow(given) {
  lead(given);
  const opened = window.open("/stage.html", "karaoke-stage", "popup,width=1280,height=720");
  if (opened) opened.focus();
  else announce(text.stage.blocked);
  return Boolean(opened);
}
