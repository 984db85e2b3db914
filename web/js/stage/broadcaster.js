// Broadcasts the song that plays on this page to the stage windows, and carries out their commands.

import { onPlaying } from "../player.js";
import { CHANNEL, wallClock } from "./channel.js";
import { CardSong } from "./song.js";

/** Interval of position messages while playing. */
const TIME_INTERVAL_MS = 200;

/** Identifies this page in messages. */
const pageId = crypto.randomUUID?.() ?? String(Math.random());
const songs = new WeakMap();
let channel = null;
let current = null;
let song = null;
let timer = 0;

/** Registers the song of a card: when it is played, it is broadcast. */
export function registerSong(card, lyrics) {
  songs.set(card.player, { card, lyrics });
  open();
}

/** Broadcasts this song from now on: `{ card, lyrics }`. */
export function broadcastSong(chosen) {
  open();
  if (current?.card === chosen.card) return sendScene();
  current = chosen;
  song?.release();
  song = new CardSong(chosen);
  song.addEventListener("song", sendScene);
  song.addEventListener("state", sendScene);
  song.addEventListener("time", sendTime);
  sendScene();
}

function open() {
  if (channel || !window.BroadcastChannel) return;
  channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }) => {
    if (data.kind === "hello") sendScene();
    else if (data.kind === "do" && data.leader === pageId) runCommand(data);
  });
  onPlaying((player) => player.playing && songs.has(player) && broadcastSong(songs.get(player)));
  addEventListener("pagehide", () => channel.postMessage({ kind: "dark", leader: pageId }));
}

function runCommand({ act, seconds }) {
  if (act === "toggle") song?.toggle();
  else if (act === "seek") song?.seek(seconds);
}

function sendScene() {
  if (!song || !channel) return;
  channel.postMessage({ kind: "scene", leader: pageId, about: song.about, lyrics: song.lyrics, playing: song.playing });
  sendTime();
  clearInterval(timer);
  timer = song.playing ? setInterval(sendTime, TIME_INTERVAL_MS) : 0;
}

function sendTime() {
  const { time, duration, playing, moving, tempo } = song;
  channel.postMessage({ kind: "time", leader: pageId, time, duration, playing, moving, tempo, at: wallClock() });
}
