// One song on the page, from the file in the hand to the finished stems: its states, and what its controls do.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import { CardAnnouncements } from "./card-announcements.js";
import { onCardKey } from "./card-keys.js";
import { troubleOf } from "./card-trouble.js";
import { buildCard, showCover, showNames, showProgress, showTime, showTrouble } from "./card-view.js";
import { ChunkMap } from "./chunk-map.js";
import { confirmed } from "./confirm-button.js";
import { watch } from "./events.js";
import { Mixer } from "./mixer.js";
import { Player } from "./player.js";
import { percent, text, timeLeft } from "./strings.js";
import { Tools } from "./tools.js";
import { Waveform } from "./waveform.js";

const FIRST_PLAYABLE_S = 1;
// A player stops a little before the sound it has runs out.
const AUDIBLE_AHEAD_S = 0.5;
const PLAN_GRACE_MS = 150;
const ENDED = ["done", "failed", "cancelled"];
const STANDARD_STEMS = ["instrumental", "vocals"].map((name, i) => ({ name, formats: ["wav", "flac", "mp3"], multitrack: i }));

/** Fires `changed` whenever something of the song may look different. */
export class TrackCard extends EventTarget {
  root;
  state = "opening";
  track = null;
  /** Called with this card: `forgotten` when it leaves the page for good, `changed` whenever it looks different. */
  onForgotten = () => {};
  onChanged = () => {};
  #key = null;
  #name;
  #parts;
  #map;
  #player;
  #mixer;
  #tools;
  #wave;
  #watching = null;
  #fillingMap = 0;
  #withdrawUpload = () => {};
  #retry = null;
  #fraction = null;
  #words = "";
  #offline = false;
  #scrubbing = false;
  #spoken = new CardAnnouncements(() => this.title);
  #begun = false;
  #problem = null;
  #nameButtons = [];
  #extended = false;

  constructor(name) {
    super();
    this.#name = name;
    const { root, parts } = buildCard();
    [this.root, this.#parts] = [root, parts];
    this.#map = new ChunkMap({ list: parts.map, tip: parts.tip, onSeek: (seconds) => this.seek(seconds) });
    this.#player = new Player({
      urlOf: () => api.stemUrl(this.#key.id, "multitrack", "wav"),
      renew: () => api.track(this.#key),
    });
    this.#player.addEventListener("state", () => this.#render());
    this.#player.addEventListener("time", () => this.#renderTime());
    this.#mixer = new Mixer(parts, this.#player);
    this.#tools = new Tools(parts, this.#player);
    this.#wave = new Waveform(parts.wave, this.#player);
    this.#wire();
    this.#render();
  }

  /** Its elements by their `data-part` names. */
  get parts() {
    return this.#parts;
  }

  /** `{ id, passcode }`, once the server has it. */
  get key() {
    return this.#key;
  }

  /** Its id at the server, once it has one. */
  get id() {
    return this.#key?.id;
  }

  get tools() {
    return this.#tools;
  }

  get title() {
    return this.track?.title || this.#name.replace(/\.[^.]{1,5}$/, "") || text.untitled;
  }

  get playable() {
    if (!this.#seekable) return false;
    if (this.state === "done" || this.state === "finishing" || this.#begun) return true;
    const { time } = this.#player;
    return time + this.#firstPlayable <= this.#ready || (this.#map.size > 0 && this.#map.isReady(time));
  }

  get player() {
    return this.#player;
  }

  /** Not yet handed in: waiting, uploading, busy. */
  uploading(state, { fraction = null, secondsLeft = NaN, words } = {}) {
    this.#retry = null;
    this.#enter(state);
    this.#fraction = fraction;
    this.#words = words ?? [text.state[state], fraction !== null && percent(fraction), timeLeft(secondsLeft)].filter(Boolean).join(" · ");
    this.#render();
  }

  /** The upload can be withdrawn with this as long as it has not arrived. */
  withdrawWith(withdraw) {
    this.#withdrawUpload = withdraw;
  }

  /** The server has it: follow it from here on. */
  follow(key, state = "queued") {
    this.#withdrawUpload = () => {};
    this.#key = key;
    this.root.dataset.track = key.id;
    this.#watching = watch(key, {
      snapshot: (track, chunks) => {
        this.#map.set(chunks);
        this.#take(track);
        for (const chunk of chunks) this.#showWave(chunk);
      },
      track: (track) => this.#take(track),
      chunk: (chunk) => {
        this.#map.update(chunk);
        this.#showWave(chunk);
        this.#renderTime();
      },
      gone: () => this.#leave(),
      lost: () => this.#setOffline(true),
      back: () => this.#setOffline(false),
    });
    if (this.state !== "opening") this.#enter(state);
    this.#render();
  }

  /** A song of an earlier visit: asking for it renews the cookie; one that is gone leaves quietly. */
  async restore(key) {
    this.#key = key;
    this.root.dataset.track = key.id;
    try {
      this.#take(await api.track(key));
    } catch (problem) {
      if (problem.status === 404) return this.onForgotten(this, key.id);
      if (problem.status === 401 || problem.status === 403) return this.fail(problem);
    }
    this.follow(key);
  }

  fail(problem, retry = null) {
    this.#retry = retry;
    this.#enter("failed");
    this.#problem = problem;
    this.#render();
  }

  toggle() {
    if (!this.playable) return;
    this.#begun = true;
    this.#player.toggle();
  }

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

  /** Also where nothing is ready yet: going there makes the server do that part next. */
  get #seekable() {
    return this.#has("stems") && this.state !== "failed" && this.state !== "cancelled";
  }

  get #ready() {
    return this.state === "done" ? (this.track?.duration_s ?? 0) : (this.track?.ready_until_s ?? 0);
  }

  get #firstPlayable() {
    return Math.min(FIRST_PLAYABLE_S, this.track?.duration_s || 0) || FIRST_PLAYABLE_S;
  }

  #wire() {
    const { play, scrubber, stop, remove, retry, article } = this.#parts;
    play.addEventListener("click", () => this.toggle());
    retry.addEventListener("click", () => this.#retry?.());
    scrubber.addEventListener("input", () => {
      this.#scrubbing = true;
      this.#renderTime(Number(scrubber.value));
    });
    scrubber.addEventListener("change", () => {
      this.#scrubbing = false;
      this.seek(Number(scrubber.value));
    });
    article.addEventListener("keydown", (event) => onCardKey(event, this));
    this.#nameButtons = [
      confirmed(stop, { label: text.stop, sure: text.stopSure, of: (words) => text.of(words, this.title), act: () => this.#stop() }),
      confirmed(remove, { label: text.remove, sure: text.removeSure, of: (words) => text.of(words, this.title), act: () => this.#remove() }),
    ];
  }

  #take(track) {
    this.track = track;
    this.#loadPlayer();
    this.#offline = false;
    this.#enter(track.state);
    this.#problem = track.error ?? null;
    this.#fraction = ["separating", "finishing"].includes(track.state) ? track.progress : null;
    this.#words = [
      text.state[track.state] ?? track.state,
      track.state === "separating" && percent(track.progress),
      track.state === "separating" && track.eta_s != null && timeLeft(track.eta_s),
    ]
      .filter(Boolean)
      .join(" · ");
    this.#fillMap();
    if (this.state === "separating") this.#spoken.progress(this.track.progress, this.playable);
    this.#render();
  }

  #loadPlayer() {
    const { stems = [], sample_rate: rate, samples } = this.track;
    if (!stems.length || !samples) return;
    const parts = stems.filter((stem) => stem.multitrack !== null).sort((a, b) => a.multitrack - b.multitrack);
    this.#player.load({ stems: parts.map((stem) => stem.name), rate, samples });
  }

  #showWave({ state, start_s: from, end_s: to }) {
    const length = this.track?.duration_s;
    if (state === "done" && length) this.#wave.ready(this.#key, from / length, Math.min(1, to / length));
  }

  /** The plan is made after the first snapshot: unless its chunks come by themselves soon, ask for them all. */
  #fillMap() {
    const incomplete = () => this.track.state === "separating" && this.#map.size < this.track.chunks_total;
    if (this.#fillingMap || !incomplete()) return;
    this.#fillingMap = setTimeout(() => {
      this.#fillingMap = 0;
      if (incomplete()) this.#watching?.refresh();
    }, PLAN_GRACE_MS);
  }

  #enter(state) {
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    this.#problem = null;
    this.#words = text.state[state] ?? state;
    this.#fraction = null;
    if (state === "failed" || state === "cancelled") this.#player.leave();
    if (before !== "opening") this.#spoken.entered(state, before, () => this.#problem?.title);
  }

  #setOffline(offline) {
    if (this.#offline === offline) return;
    this.#offline = offline;
    this.#render();
  }

  async #stop() {
    if (!this.#key) {
      this.#withdrawUpload();
      return this.#leave();
    }
    try {
      this.#take(await api.cancel(this.#key));
    } catch (problem) {
      if (problem.status === 404) this.#leave();
      else announce(text.trouble.actionFailed(text.stop));
    }
  }

  async #remove() {
    this.#player.leave();
    try {
      if (this.#key) await api.remove(this.#key);
    } catch (problem) {
      // Whom the server does not let in, or who is gone already, can still be taken off this page.
      if (![401, 403, 404].includes(problem.status)) {
        announce(text.trouble.actionFailed(text.remove));
        this.#words = text.trouble.actionFailed(text.remove);
        return this.#render();
      }
    }
    this.#leave();
  }

  #leave() {
    this.#watching?.stop();
    clearTimeout(this.#fillingMap);
    this.#player.leave();
    announce(text.say.removed(this.title));
    this.onForgotten(this, this.#key?.id);
  }

  #render() {
    const { root } = this;
    const parts = this.#parts;
    const { track, state } = this;
    const running = !ENDED.includes(state);
    root.dataset.state = state;
    root.toggleAttribute("data-playing", this.#player.playing);
    root.toggleAttribute("data-heard", this.#player.playing || this.#player.time > 0);
    root.toggleAttribute("data-waiting", this.#player.playing && this.#player.waiting);
    showNames(parts, { title: this.title, byline: this.#byline });
    if (track?.cover) showCover(parts, track.id);
    for (const name of this.#nameButtons) name();
    const stopHadFocus = document.activeElement === parts.stop;
    parts.stop.hidden = !running || state === "opening" || state === "finishing";
    parts.remove.hidden = running;
    if (stopHadFocus && parts.stop.hidden && !running) parts.remove.focus();
    parts.state.textContent = this.#offline && running ? text.reconnecting : this.#words;
    showProgress(parts, { active: running, fraction: state === "done" ? 1 : this.#fraction, words: this.#words });
    const known = this.#has("stems");
    this.#mixer.show(known ? track.stems : STANDARD_STEMS, { id: known ? track.id : null, ready: state === "done" });
    showTrouble(parts, troubleOf(state, this.#problem, Boolean(this.#retry)));
    this.#renderPlay();
    this.#renderTime();
    this.#attachExtras();
    this.onChanged(this);
    this.dispatchEvent(new Event("changed"));
  }

  async #attachExtras() {
    if (this.#extended || !this.#has("stems")) return;
    this.#extended = true;
    const { extras } = await import("./card-extras.js");
    for (const extra of extras) extra.attach(this);
  }

  get #byline() {
    if (!this.track) return this.state === "failed" ? this.#name : "";
    const { title, artist, album, file_name } = this.track;
    return [artist, album].filter(Boolean).join(" · ") || (title ? file_name : "");
  }

  #renderPlay() {
    const { play } = this.#parts;
    const { playing } = this.#player;
    play.setAttribute("aria-label", playing ? text.pause(this.title) : text.play(this.title));
    play.disabled = !this.playable && !playing;
  }

  /** `dragged` is where the scrubber is held, before it is let go. */
  #renderTime(dragged) {
    if (this.#scrubbing && dragged === undefined) return;
    const { scrubber, note } = this.#parts;
    const length = this.track?.duration_s ?? null;
    const now = dragged ?? this.#player.time;
    showTime(this.#parts, { now, length, ready: this.#ready });
    scrubber.disabled = !this.#seekable;
    scrubber.max = length ?? 1;
    if (dragged === undefined) scrubber.value = now;
    scrubber.setAttribute("aria-valuetext", text.positionValue(now, length ?? 0));
    const words = this.#note(now);
    if (note.textContent !== words) note.textContent = words;
  }

  #note(now) {
    if (this.#player.failed) return text.unplayable;
    if (this.#player.playing && this.#player.waiting) {
      return this.#map.isReady(now + AUDIBLE_AHEAD_S) ? text.buffering : text.waitingFor(now);
    }
    if (this.state === "separating" && this.playable && now <= this.#ready) return text.ready(this.#ready);
    return "";
  }
}
