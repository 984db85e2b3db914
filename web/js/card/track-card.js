// The card of one song, from the upload to the finished stems: its state, its actions, and the rendering of both.

import * as api from "../api.js";
import { announce } from "../announcer.js";
import { ChunkMap } from "../chunk-map.js";
import { KeyTempoLoop } from "../key-tempo-loop.js";
import { Mixer } from "../mixer.js";
import { Player } from "../player.js";
import { text } from "../strings.js";
import { followTrack } from "../track-events.js";
import { Waveform } from "../waveform.js";
import { CardAnnouncements } from "./announcements.js";
import { wireControls } from "./controls.js";
import { byline, errorBox, titleOf, trackStatus, uploadStatus } from "./texts.js";
import { buildCard, showCover, showError, showNames, showProgress, showTime } from "./view.js";

/** A song can be played when this many seconds are separated. */
const MIN_PLAYABLE_S = 1;
// A player stops a little before its data ends.
const UNDERRUN_LEAD_S = 0.5;
/** How long missing chunks may take to arrive before a new snapshot is requested. */
const SNAPSHOT_DELAY_MS = 150;
const ENDED = ["done", "failed", "cancelled"];
/** Shown until the stems of the song are known. */
const STANDARD_STEMS = ["instrumental", "vocals"].map((name, i) => ({ name, formats: ["wav", "flac", "mp3"], multitrack: i }));

/** Events: `changed`, whenever the card was rendered; `removed`. */
export class TrackCard extends EventTarget {
  root;
  state = "opening";
  track = null;
  /** Called with this card (and the track's id): when it is removed from the page, and whenever it was rendered. */
  onRemoved = () => {};
  onChanged = () => {};
  #key = null;
  #name;
  #parts;
  #map;
  #player;
  #mixer;
  #controls;
  #waveform;
  #subscription = null;
  #snapshotTimer = 0;
  #cancelUpload = () => {};
  #retry = null;
  #fraction = null;
  #status = "";
  #offline = false;
  #wasPlayed = false;
  #announcements = new CardAnnouncements();
  #problem = null;
  #wired;
  #hasExtras = false;

  constructor(name) {
    super();
    this.#name = name;
    const { root, parts } = buildCard();
    [this.root, this.#parts] = [root, parts];
    this.#map = new ChunkMap({ list: parts.map, tooltip: parts.tooltip, onSeek: (seconds) => this.seek(seconds) });
    this.#player = new Player({
      url: () => api.stemUrl(this.#key.id, "multitrack", "wav"),
      renew: () => api.track(this.#key),
    });
    this.#player.addEventListener("state", () => this.#render());
    this.#player.addEventListener("time", () => this.#renderTime());
    this.#mixer = new Mixer(parts, this.#player);
    this.#controls = new KeyTempoLoop(parts, this.#player);
    this.#waveform = new Waveform(parts.wave, this.#player);
    this.#wired = wireControls(this, parts, {
      retry: () => this.#retry?.(),
      stop: () => this.#stop(),
      remove: () => this.#remove(),
      drag: (seconds) => this.#renderTime(seconds),
    });
    this.#render();
  }

  /** Its elements by their `data-part` names. */
  get parts() {
    return this.#parts;
  }

  /** `{ id, passcode }` of the track, or null before the upload is complete. */
  get key() {
    return this.#key;
  }

  /** The track's id, if it has one. */
  get id() {
    return this.#key?.id;
  }

  get controls() {
    return this.#controls;
  }

  get title() {
    return this.track?.title || titleOf(this.#name);
  }

  get playable() {
    if (!this.#seekable) return false;
    if (this.state === "done" || this.state === "finishing" || this.#wasPlayed) return true;
    const { time } = this.#player;
    return time + this.#minPlayable <= this.#ready || (this.#map.size > 0 && this.#map.isReady(time));
  }

  get player() {
    return this.#player;
  }

  /** Shows the state of the upload: waiting, uploading, arrived, busy. `fraction` 0 to 1 or null; `words` replace the text. */
  uploading(state, { fraction = null, secondsLeft = NaN, words } = {}) {
    this.#retry = null;
    this.#setState(state);
    this.#fraction = fraction;
    this.#status = words ?? uploadStatus(state, fraction, secondsLeft);
    this.#render();
  }

  /** `cancel` cancels the upload; used until the upload is complete. */
  onCancelUpload(cancel) {
    this.#cancelUpload = cancel;
  }

  /** The upload is complete: follows the track's events from now on. */
  follow(key, state = "queued") {
    this.#cancelUpload = () => {};
    this.#key = key;
    this.root.dataset.track = key.id;
    this.#subscription = followTrack(key, {
      snapshot: (track, chunks) => {
        this.#map.set(chunks);
        this.#setTrack(track);
        for (const chunk of chunks) this.#loadWaveform(chunk);
      },
      track: (track) => this.#setTrack(track),
      chunk: (chunk) => {
        this.#map.update(chunk);
        this.#loadWaveform(chunk);
        this.#renderTime();
      },
      gone: () => this.#removeFromPage(),
      lost: () => this.#setOffline(true),
      back: () => this.#setOffline(false),
    });
    if (this.state !== "opening") this.#setState(state);
    this.#render();
  }

  /** Restores a song of an earlier visit. The request renews the cookie; a song that is gone is removed silently. */
  async restore(key) {
    this.#key = key;
    this.root.dataset.track = key.id;
    try {
      this.#setTrack(await api.track(key));
    } catch (problem) {
      if (problem.status === 404) return this.onRemoved(this, key.id);
    }
    this.follow(key);
  }

  /** Shows an error; `retry` is what the retry button does, if it can be retried. */
  fail(problem, retry = null) {
    this.#retry = retry;
    this.#setState("failed");
    this.#problem = problem;
    this.#render();
  }

  toggle() {
    if (!this.playable) return;
    this.#wasPlayed = true;
    this.#player.toggle();
  }

  /** Seeks to a position in seconds. */
  seek(seconds) {
    if (!this.#seekable) return;
    this.#player.seek(Math.min(seconds, this.track.duration_s));
    this.#render();
  }

  seekBy(seconds) {
    this.seek(this.#player.time + seconds);
  }

  #has(what) {
    return Boolean(this.track?.[what]?.length);
  }

  /** Also where nothing is separated yet: a seek makes the server separate that part next. */
  get #seekable() {
    return this.#has("stems") && this.state !== "failed" && this.state !== "cancelled";
  }

  get #ready() {
    return this.state === "done" ? (this.track?.duration_s ?? 0) : (this.track?.ready_until_s ?? 0);
  }

  get #minPlayable() {
    return Math.min(MIN_PLAYABLE_S, this.track?.duration_s || 0) || MIN_PLAYABLE_S;
  }

  #setTrack(track) {
    this.track = track;
    this.#loadPlayer();
    this.#offline = false;
    this.#setState(track.state);
    this.#problem = track.error ?? null;
    this.#fraction = ["separating", "finishing"].includes(track.state) ? track.progress : null;
    this.#status = trackStatus(track);
    this.#requestMissingChunks();
    if (this.state === "separating") this.#announcements.progress(track.progress, this);
    this.#render();
  }

  #loadPlayer() {
    const { stems = [], sample_rate: rate, samples } = this.track;
    if (!stems.length || !samples) return;
    const parts = stems.filter((stem) => stem.multitrack !== null).sort((a, b) => a.multitrack - b.multitrack);
    this.#player.load({ stems: parts.map((stem) => stem.name), rate, samples });
  }

  #loadWaveform({ state, start_s: from, end_s: to }) {
    const length = this.track?.duration_s;
    if (state === "done" && length) this.#waveform.loadRange(this.#key, from / length, Math.min(1, to / length));
  }

  /** Chunks are planned after the first snapshot. If their events do not arrive soon, requests a new snapshot. */
  #requestMissingChunks() {
    const incomplete = () => this.track.state === "separating" && this.#map.size < this.track.chunks_total;
    if (this.#snapshotTimer || !incomplete()) return;
    this.#snapshotTimer = setTimeout(() => {
      this.#snapshotTimer = 0;
      if (incomplete()) this.#subscription?.refresh();
    }, SNAPSHOT_DELAY_MS);
  }

  #setState(state) {
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    this.#problem = null;
    this.#status = text.state[state] ?? state;
    this.#fraction = null;
    if (state === "failed" || state === "cancelled") this.#player.release();
    this.#announcements.stateChanged(before, state, { title: this.title, problemTitle: () => this.#problem?.title });
  }

  #setOffline(offline) {
    if (this.#offline === offline) return;
    this.#offline = offline;
    this.#render();
  }

  async #stop() {
    if (!this.#key) {
      this.#cancelUpload();
      return this.#removeFromPage();
    }
    try {
      this.#setTrack(await api.cancel(this.#key));
    } catch (problem) {
      if (problem.status === 404) this.#removeFromPage();
      else announce(text.problem.actionFailed(text.stop));
    }
  }

  async #remove() {
    this.#player.release();
    try {
      if (this.#key) await api.remove(this.#key);
    } catch (problem) {
      // A song that is gone, or whose passcode is not valid, can still be removed from this page.
      if (![401, 404].includes(problem.status)) {
        announce(text.problem.actionFailed(text.remove));
        this.#status = text.problem.actionFailed(text.remove);
        return this.#render();
      }
    }
    this.#removeFromPage();
  }

  #removeFromPage() {
    this.#subscription?.stop();
    clearTimeout(this.#snapshotTimer);
    this.#player.release();
    announce(text.announce.removed(this.title));
    this.dispatchEvent(new Event("removed"));
    this.onRemoved(this, this.#key?.id);
  }

  #render() {
    const { root } = this;
    const parts = this.#parts;
    const { track, state } = this;
    const running = !ENDED.includes(state);
    root.dataset.state = state;
    root.toggleAttribute("data-playing", this.#player.playing);
    root.toggleAttribute("data-started", this.#player.playing || this.#player.time > 0);
    root.toggleAttribute("data-waiting", this.#player.playing && this.#player.waiting);
    showNames(parts, { title: this.title, byline: byline(track, state, this.#name) });
    if (track?.cover) showCover(parts, track.id);
    this.#wired.renderButtons();
    const stopHadFocus = document.activeElement === parts.stop;
    parts.stop.hidden = !running || state === "opening" || state === "finishing";
    parts.remove.hidden = running;
    if (stopHadFocus && parts.stop.hidden && !running) parts.remove.focus();
    parts.state.textContent = this.#offline && running ? text.reconnecting : this.#status;
    showProgress(parts, { active: running, fraction: state === "done" ? 1 : this.#fraction, words: this.#status });
    const hasStems = this.#has("stems");
    this.#mixer.show(hasStems ? track.stems : STANDARD_STEMS, { id: hasStems ? track.id : null, ready: state === "done" });
    showError(parts, errorBox(state, this.#problem, Boolean(this.#retry)));
    this.#renderPlay();
    this.#renderTime();
    this.#attachExtras();
    this.onChanged(this);
    this.dispatchEvent(new Event("changed"));
  }

  async #attachExtras() {
    if (this.#hasExtras || !this.#has("stems")) return;
    this.#hasExtras = true;
    const { extras } = await import("./extras.js");
    for (const extra of extras) extra.attach(this);
  }

  #renderPlay() {
    const { play } = this.#parts;
    const { playing } = this.#player;
    play.setAttribute("aria-label", playing ? text.pause(this.title) : text.play(this.title));
    play.disabled = !this.playable && !playing;
  }

  /** `dragged` is the position of the scrubber in seconds while it is held. */
  #renderTime(dragged) {
    if (this.#wired.isScrubbing() && dragged === undefined) return;
    const { scrubber, note } = this.#parts;
    const length = this.track?.duration_s ?? null;
    const now = dragged ?? this.#player.time;
    showTime(this.#parts, { now, length, ready: this.#ready });
    scrubber.disabled = !this.#seekable;
    scrubber.max = length ?? 1;
    if (dragged === undefined) scrubber.value = now;
    scrubber.setAttribute("aria-valuetext", text.positionValue(now, length ?? 0));
    const words = this.#timeNote(now);
    if (note.textContent !== words) note.textContent = words;
  }

  /** The note between the times: why nothing plays, or how much can be played. */
  #timeNote(now) {
    if (this.#player.failed) return text.unplayable;
    if (this.#player.playing && this.#player.waiting) {
      return this.#map.isReady(now + UNDERRUN_LEAD_S) ? text.buffering : text.waitingFor(now);
    }
    if (this.state === "separating" && this.playable && now <= this.#ready) return text.ready(this.#ready);
    return "";
  }
}
