// Tells the windows on other screens what is sung on this page, and obeys their keys.

import { onPlaying } from "../player.js";
import { CHANNEL, wallClock } from "./channel.js";
import { CardSong } from "./song.js";

const EVERY_MS = 200;

const me = crypto.randomUUID?.() ?? String(Math.random());
const songs = new WeakMap();
let channel = null;
let given = null;
let song = null;
let timer = 0;

/** A song that may be led: when it is played, it is what the stages show. */
export function mayLead(card, lyrics) {
  songs.set(card.player, { card, lyrics });
  open();
}

/** This song is what the stages show from now on. */
export function lead(chosen) {
  open();
  if (given?.card === chosen.card) return tellAll();
  given = chosen;
  song?.leave();
  song = new CardSong(chosen);
  song.addEventListener("song", tellAll);
  song.addEventListener("state", tellAll);
  song.addEventListener("time", tellTime);
  tellAll();
}

function open() {
  if (channel || !window.BroadcastChannel) return;
  channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }) => {
    if (data.kind === "hello") tellAll();
    else if (data.kind === "do" && data.leader === me) obey(data);
  });
  onPlaying((player) => player.playing && songs.has(player) && lead(songs.get(player)));
  addEventListener("pagehide", () => channel.postMessage({ kind: "dark", leader: me }));
}

function obey({ act, seconds }) {
  if (act === "toggle") song?.toggle();
  else if (act === "seek") song?.seek(seconds);
}

function tellAll() {
  if (!song || !channel) return;
  channel.postMessage({ kind: "scene", leader: me, about: song.about, lyrics: song.lyrics, playing: song.playing });
  tellTime();
  clearInterval(timer);
  timer = song.playing ? setInterval(tellTime, EVERY_MS) : 0;
}

function tellTime() {
  const { time, duration, playing, moving, tempo } = song;
  channel.postMessage({ kind: "time", leader: me, time, duration, playing, moving, tempo, at: wallClock() });
}
