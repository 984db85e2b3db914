// The second screen: a window that shows what the karaoke page of this browser plays.

import { everyFrame } from "../lyrics/clock.js";
import { text } from "../strings.js";
import { CHANNEL, wallClock } from "./channel.js";
import { keepAwake, onStageKeys, restWhenIdle } from "./hands.js";
import { StageView } from "./view.js";

/** So long the last word of the page is believed: a page in the background speaks once a second. */
const PATIENCE_S = 3;

const waiting = { title: text.stage.waiting, artist: text.stage.waitingHint, cover: null };
const view = new StageView();
const channel = new BroadcastChannel(CHANNEL);
let scene = { leader: null, about: waiting, lyrics: null };
let beat = { time: 0, duration: 0, playing: false, moving: false, tempo: 1, at: 0 };

/** The song of the page that leads, by what it says. */
const song = {
  get time() {
    if (!beat.moving) return beat.time;
    const since = Math.min(PATIENCE_S, Math.max(0, wallClock() - beat.at));
    return Math.min(beat.duration || Infinity, beat.time + since * beat.tempo);
  },
  toggle: () => channel.postMessage({ kind: "do", leader: scene.leader, act: "toggle" }),
  seek: (seconds) => channel.postMessage({ kind: "do", leader: scene.leader, act: "seek", seconds }),
};

channel.addEventListener("message", ({ data }) => {
  if (data.kind === "scene") follow(data);
  else if (data.kind === "time" && data.leader === scene.leader) beat = data;
  else if (data.kind === "dark" && data.leader === scene.leader) goDark();
});

/** A page that plays takes the stage; one that does not only where nobody has it. */
function follow(next) {
  if (next.leader !== scene.leader && beat.playing && !next.playing) return;
  scene = next;
  document.title = `${next.about.title} · ${text.brand}`;
}

function goDark() {
  scene = { leader: null, about: waiting, lyrics: null };
  beat = { ...beat, time: 0, duration: 0, playing: false, moving: false };
  document.title = text.stage.title;
  channel.postMessage({ kind: "hello" });
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

const floor = document.getElementById("floor");
const button = document.getElementById("full");
floor.append(view.root);
button.textContent = text.stage.fullScreen;
button.hidden = !document.documentElement.requestFullscreen;
button.addEventListener("click", fullScreen);
document.title = text.stage.title;
addEventListener("keydown", (event) => onStageKeys(event, { song, view, fullScreen, leave: () => {} }));
keepAwake();
restWhenIdle(document.body);
channel.postMessage({ kind: "hello" });
everyFrame(() => {
  view.set(scene.about, scene.lyrics);
  view.show(song.time, beat.duration, beat.playing);
});
document.documentElement.toggleAttribute("data-awake", true);
