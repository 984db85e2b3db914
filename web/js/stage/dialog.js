// The stage view as a dialog over the page, full screen if possible, and as a second window.

import { announce } from "../announcer.js";
import { everyFrame } from "../lyrics/clock.js";
import { build, loadStyle } from "../markup.js";
import { text } from "../strings.js";
import { hideControlsWhenIdle, keepScreenAwake, onStageKey } from "./controls.js";
import { broadcastSong } from "./broadcaster.js";
import { CardSong } from "./song.js";
import { StageView } from "./view.js";

const DIALOG = `
<dialog class="stage-dialog">
  <div class="stage-content" data-part="content" role="group" tabindex="-1" aria-describedby="stage-keys" autofocus></div>
  <div class="stage-controls" data-part="controls" role="toolbar">
    <button type="button" class="quiet" data-part="play"></button>
    <button type="button" class="quiet" data-part="second" data-text="stage.window"></button>
    <button type="button" class="quiet" data-part="full" data-text="stage.fullScreen"></button>
    <button type="button" class="quiet" data-part="close" data-text="stage.close"></button>
    <p class="visually-hidden" id="stage-keys" data-text="stage.keys"></p>
  </div>
</dialog>`;

const hasFullScreen = () => Boolean(document.documentElement.requestFullscreen);

/** Opens the stage view for the song of a card; closing it restores the focus. */
export async function openStage({ card, lyrics }) {
  const before = document.activeElement;
  // Now, while the click is being handled: browsers refuse full screen later.
  const fullScreen = hasFullScreen() ? document.documentElement.requestFullscreen().catch(() => {}) : null;
  await loadStyle("/stage.css");
  await fullScreen;
  new StageDialog(card, lyrics, before);
}

class StageDialog {
  #song;
  #view = new StageView();
  #dialog;
  #parts;
  #cleanups;
  #before;

  constructor(card, lyrics, before) {
    this.#before = before;
    this.#song = new CardSong({ card, lyrics });
    const { root, parts } = build(DIALOG);
    [this.#dialog, this.#parts] = [root, parts];
    root.setAttribute("aria-label", text.stage.of(card.title));
    parts.controls.setAttribute("aria-label", text.stage.controls);
    parts.content.setAttribute("aria-label", card.title);
    parts.content.append(this.#view.root);
    parts.full.hidden = !hasFullScreen();
    this.#wire(card, lyrics);
    document.body.append(root);
    root.showModal();
    parts.content.focus();
    broadcastSong({ card, lyrics });
    this.#cleanups = [keepScreenAwake(), hideControlsWhenIdle(root), everyFrame(() => this.#renderScene())];
    this.#renderPlay();
  }

  #wire(card, lyrics) {
    const { play, second, full, close } = this.#parts;
    play.addEventListener("click", () => this.#song.toggle());
    close.addEventListener("click", () => this.#close());
    full.addEventListener("click", () => this.#fullScreen());
    // With the stage view on a second screen, this window shows the page.
    second.addEventListener("click", () => openWindow({ card, lyrics }) && this.#close());
    this.#dialog.addEventListener("keydown", (event) =>
      onStageKey(event, { song: this.#song, view: this.#view, close: () => this.#close(), fullScreen: () => this.#fullScreen() }),
    );
    this.#dialog.addEventListener("close", () => this.#onClose());
    this.#song.addEventListener("state", () => this.#renderPlay());
    document.addEventListener("fullscreenchange", this.#onFullScreen);
  }

  #renderPlay() {
    this.#parts.play.textContent = this.#song.playing ? text.stage.pause : text.stage.play;
  }

  #renderScene() {
    this.#view.set(this.#song.about, this.#song.lyrics);
    this.#view.show(this.#song.time, this.#song.duration, this.#song.playing);
  }

  /** In full screen the browser handles Escape itself: leaving full screen closes the stage view. */
  #onFullScreen = () => {
    if (document.fullscreenElement) return;
    if (this.#staysOpen) this.#staysOpen = false;
    else this.#close();
  };
  #staysOpen = false;

  #fullScreen() {
    if (!hasFullScreen()) return;
    if (document.fullscreenElement) {
      this.#staysOpen = true;
      document.exitFullscreen().catch(() => {});
    } else document.documentElement.requestFullscreen().catch(() => {});
  }

  #close() {
    this.#dialog.close();
  }

  #onClose() {
    document.removeEventListener("fullscreenchange", this.#onFullScreen);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    for (const cleanup of this.#cleanups) cleanup();
    this.#song.release();
    this.#dialog.remove();
    this.#before?.focus();
  }
}

/** Opens the stage view in a window for a second screen; `song` is `{ card, lyrics }`. Returns whether it opened. */
export function openWindow(song) {
  broadcastSong(song);
  const opened = window.open("/stage.html", "karaoke-stage", "popup,width=1280,height=720");
  if (opened) opened.focus();
  else announce(text.stage.blocked);
  return Boolean(opened);
}
