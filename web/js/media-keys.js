// The keyboard's media keys, the lock screen's buttons: they move the song that was started last.

import { coverUrl } from "./api.js";
import { onPlaying, playerOnStage } from "./player.js";

const STEP_S = 10;
let silence = null;

/** Browsers give media keys to media elements only: one that plays nothing stands in for the mixing graph. */
function standIn() {
  if (silence) return silence;
  const [rate, seconds] = [8000, 10];
  const wav = new DataView(new ArrayBuffer(44 + rate * seconds));
  const words = [0x52494646, 36 + rate * seconds, 0x57415645, 0x666d7420, 16, 0, rate, rate, 0, 0x64617461, rate * seconds];
  const big = [0, 2, 3, 9];
  words.forEach((word, i) => wav.setUint32(4 * i, word, !big.includes(i)));
  wav.setUint16(20, 1, true); // PCM,
  wav.setUint16(22, 1, true); // one channel,
  wav.setUint16(32, 1, true); // a byte a frame,
  wav.setUint16(34, 8, true); // of 8 bits, of which 128 is silence.
  new Uint8Array(wav.buffer, 44).fill(128);
  silence = new Audio(URL.createObjectURL(new Blob([wav], { type: "audio/wav" })));
  silence.loop = true;
  return silence;
}

/** `cardOf(player)` gives the card of a player. */
export function listenToMediaKeys(cardOf) {
  const session = navigator.mediaSession;
  if (!session) return;
  const card = () => cardOf(playerOnStage());
  const acts = {
    play: () => card()?.player.playing || card()?.toggle(),
    pause: () => card()?.player.playing && card().toggle(),
    stop: () => card()?.player.playing && card().toggle(),
    seekbackward: ({ seekOffset }) => card()?.seekBy(-(seekOffset ?? STEP_S)),
    seekforward: ({ seekOffset }) => card()?.seekBy(seekOffset ?? STEP_S),
    seekto: ({ seekTime }) => card()?.seek(seekTime),
  };
  for (const [name, act] of Object.entries(acts)) session.setActionHandler(name, act);
  onPlaying((player) => {
    if (player !== playerOnStage()) return;
    session.playbackState = player.playing ? "playing" : "paused";
    if (player.playing) standIn().play().catch(() => {});
    else standIn().pause();
    tell(session, card());
  });
}

function tell(session, card) {
  const { track } = card ?? {};
  if (!track) return;
  const artwork = track.cover ? [{ src: coverUrl(track.id) }] : [];
  session.metadata = new MediaMetadata({ title: card.title, artist: track.artist ?? "", album: track.album ?? "", artwork });
  const { time, tempo, duration } = card.player;
  session.setPositionState({ duration, playbackRate: tempo, position: Math.min(time, duration) });
}
