// The stage window for a second screen: shows what the page in this browser plays.

import { everyFrame } from "../lyrics/clock.js";
import { text } from "../strings.js";
import { CHANNEL, wallClock } from "./channel.js";
import { hideControlsWhenIdle, keepScreenAwake, onStageKey } from "./controls.js";
import { StageView } from "./view.js";

/** A position is extrapolated for at most this long; a page in the background sends one per second. */
const MAX_EXTRAPOLATION_S = 3;

const waiting = { title: text.stage.waiting, artist: text.stage.waitingHint, cover: null };
const view = new StageView();
const channel = new BroadcastChannel(CHANNEL);
let scene = { leader: null, about: waiting, lyrics: null };
let position = { time: 0, duration: 0, playing: false, moving: false, tempo: 1, at: 0 };

/** The song of the page whose scene is shown, by its messages. */
const song = {
  get time() {
    if (!position.moving) return position.time;
    const since = Math.min(MAX_EXTRAPOLATION_S, Math.max(0, wallClock() - position.at));
    return Math.min(position.duration || Infinity, position.time + since * position.tempo);
  },
  toggle: () => channel.postMessage({ kind: "do", leader: scene.leader, act: "toggle" }),
  seek: (seconds) => channel.postMessage({ kind: "do", leader: scene.leader, act: "seek", seconds }),
};

channel.addEventListener("message", ({ data }) => {
  if (data.kind === "scene") showScene(data);
  else if (data.kind === "time" && data.leader === scene.leader) position = data;
  else if (data.kind === "dark" && data.leader === scene.leader) clearScene();
});

/** A page that plays replaces the shown one; a page that does not play only if the shown one is not playing. */
function showScene(next) {
  if (next.leader !== scene.leader && position.playing && !next.playing) return;
  scene = next;
  document.title = `${next.about.title} · ${text.brand}`;
}

function clearScene() {
  scene = { leader: null, about: waiting, lyrics: null };
  position = { ...position, time: 0, duration: 0, playing: false, moving: false };
  document.title = text.stage.title;
  channel.postMessage({ kind: "hello" });
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

const content = document.getElementById("content");
const button = document.getElementById("full-screen");
content.append(view.root);
button.textContent = text.stage.fullScreen;
button.hidden = !document.documentElement.requestFullscreen;
button.addEventListener("click", fullScreen);
document.title = text.stage.title;
addEventListener("keydown", (event) => onStageKey(event, { song, view, fullScreen, close: () => {} }));
keepScreenAwake();
hideControlsWhenIdle(document.body);
channel.postMessage({ kind: "hello" });
everyFrame(() => {
  view.set(scene.about, scene.lyrics);
  view.show(song.time, position.duration, position.playing);
});
document.documentElement.toggleAttribute("data-awake", true);
