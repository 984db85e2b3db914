// Renders a take to WAV files: the mix of voice and song, and the voice alone.

import { wavHeader } from "./wav.js";

/** Frames that are mixed at a time, so that the page stays responsive. */
const BLOCK = 1 << 18;

/** A WAV (16 bit, stereo) of song and voice; `song` and `voice` are linear gains, `shift` moves the voice by seconds. */
export async function mixdown(take, { song, voice, shift }) {
  const levels = { song, voice, shift };
  let peak = 0;
  for await (const { left, right } of mixed(take, levels)) {
    for (let i = 0; i < left.length; i += 1) peak = Math.max(peak, Math.abs(left[i]), Math.abs(right[i]));
  }
  // A mix that would clip is attenuated as a whole.
  const gain = peak > 32767 ? 32767 / peak : 1;
  const parts = [wavHeader({ channels: 2, rate: take.rate, frames: take.frames })];
  for await (const { left, right } of mixed(take, levels)) {
    const out = new Int16Array(2 * left.length);
    for (let i = 0; i < left.length; i += 1) {
      out[2 * i] = Math.round(gain * left[i]);
      out[2 * i + 1] = Math.round(gain * right[i]);
    }
    parts.push(new Blob([out]));
  }
  return new Blob(parts, { type: "audio/wav" });
}

/** A WAV (16 bit, mono) of the voice at gain 1, aligned as in the mix. */
export async function voiceAlone(take, shift) {
  const parts = [wavHeader({ channels: 1, rate: take.rate, frames: take.frames })];
  for await (const { voice } of blocks(take, shift)) parts.push(new Blob([voice]));
  return new Blob(parts, { type: "audio/wav" });
}

async function* mixed(take, { song: songGain, voice: voiceGain, shift }) {
  for await (const { song, voice } of blocks(take, shift)) {
    const [left, right] = [new Float32Array(voice.length), new Float32Array(voice.length)];
    for (let i = 0; i < voice.length; i += 1) {
      const sung = voiceGain * voice[i];
      left[i] = songGain * song[2 * i] + sung;
      right[i] = songGain * song[2 * i + 1] + sung;
    }
    yield { left, right };
  }
}

async function* blocks(take, shift) {
  for (let at = 0; at < take.frames; at += BLOCK) {
    const frames = Math.min(BLOCK, take.frames - at);
    const [song, voice] = [new Int16Array(2 * frames), new Int16Array(frames)];
    take.song(at, song);
    take.voice(at, voice, shift);
    yield { song, voice };
    await new Promise((resolve) => setTimeout(resolve));
  }
}
