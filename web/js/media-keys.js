// Media keys and lock screen controls (Media Session API): they act on the song that was started last.

import { coverUrl } from "./api.js";
import { onPlaying, activePlayer } from "./player.js";

const STEP_S = 10;
let silentAudio = null;

/** Browsers send media keys only to pages with a playing media element: this one plays silentAudio. */
function silentElement() {
  if (silentAudio) return silentAudio;
  const [rate, seconds] = [8000, 10];
  const wav = new DataView(new ArrayBuffer(44 + rate * seconds));
  const words = [0x52494646, 36 + rate * seconds, 0x57415645, 0x666d7420, 16, 0, rate, rate, 0, 0x64617461, rate * seconds];
  const big = [0, 2, 3, 9];
  words.forEach((word, i) => wav.setUint32(4 * i, word, !big.includes(i)));
  wav.setUint16(20, 1, true); // PCM,
  wav.setUint16(22, 1, true); // one channel,
  wav.setUint16(32, 1, true); // a byte a frame,
  wav.setUint16(34, 8, true); // of 8 bits, of which 128 is silentAudio.
  new Uint8Array(wav.buffer, 44).fill(128);
  silentAudio = new Audio(URL.createObjectURL(new Blob([wav], { type: "audio/wav" })));
  silentAudio.loop = true;
  return silentAudio;
}

/** `cardOf(player)` gives the card of a player. */
export function listenToMediaKeys(cardOf) {
  const session = navigator.mediaSession;
  if (!session) return;
  const card = () => cardOf(activePlayer());
  const actions = {
    play: () => card()?.player.playing || card()?.toggle(),
    pause: () => card()?.player.playing && card().toggle(),
    stop: () => card()?.player.playing && card().toggle(),
    seekbackward: ({ seekOffset }) => card()?.seekBy(-(seekOffset ?? STEP_S)),
    seekforward: ({ seekOffset }) => card()?.seekBy(seekOffset ?? STEP_S),
    seekto: ({ seekTime }) => card()?.seek(seekTime),
  };
  for (const [name, action] of Object.entries(actions)) session.setActionHandler(name, action);
  onPlaying((player) => {
    if (player !== activePlayer()) return;
    session.playbackState = player.playing ? "playing" : "paused";
    if (player.playing) silentElement().play().catch(() => {});
    else silentElement().pause();
    updateMetadata(session, card());
  });
}

function updateMetadata(session, card) {
  const { track } = card ?? {};
  if (!track) return;
  const artwork = track.cover ? [{ src: coverUrl(track.id) }] : [];
  session.metadata = new MediaMetadata({ title: card.title, artist: track.artist ?? "", album: track.album ?? "", artwork });
  const { time, tempo, duration } = card.player;
  session.setPositionState({ duration, playbackRate: tempo, position: Math.min(time, duration) });
}
