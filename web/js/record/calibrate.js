// Measures how late a voice comes in: plays clicks through the loudspeakers and finds them in the microphone.

import { agreement, findPulse, pulse } from "./pulse.js";

const CLICKS = 4;
const APART_S = 0.9;
const FIRST_S = 0.3;
/** A click is looked for this long. */
const LATEST_S = 0.8;
const AGREE_S = 0.004;
const LOUD = 0.6;

/** Seconds from the graph to the loudspeakers, through the air and back into the graph; null when nothing was heard. */
export async function measureDelay(capture, into) {
  const { context } = capture;
  const rate = context.sampleRate;
  const sound = pulse(rate);
  const buffer = new AudioBuffer({ numberOfChannels: 1, length: sound.length, sampleRate: rate });
  buffer.copyToChannel(sound, 0);
  const gain = new GainNode(context, { gain: LOUD });
  gain.connect(into);
  const first = capture.frame + Math.round(FIRST_S * rate);
  const begins = Array.from({ length: CLICKS }, (_, i) => first + Math.round(i * APART_S * rate));
  for (const begin of begins) {
    const node = new AudioBufferSourceNode(context, { buffer });
    node.connect(gain);
    node.start(begin / rate);
  }
  const reach = Math.round(LATEST_S * rate);
  const heard = await hear(capture, begins[0], begins[CLICKS - 1] + reach);
  gain.disconnect();
  const delays = begins.map((begin) => {
    const from = begin - begins[0];
    return findPulse(heard.subarray(from, from + reach), sound);
  });
  const frames = agreement(delays, AGREE_S * rate);
  return frames === null ? null : frames / rate;
}

/** What the microphone hears from one frame to another; what never came is silence. */
function hear(capture, from, to) {
  const heard = new Float32Array(to - from);
  return new Promise((resolve) => {
    const patience = setTimeout(done, ((to - capture.frame) / capture.context.sampleRate) * 1000 + 5000);
    function done() {
      clearTimeout(patience);
      capture.removeEventListener("chunk", take);
      resolve(heard);
    }
    function take({ detail: { frame, voice } }) {
      for (let i = Math.max(0, from - frame); i < voice.length && frame + i < to; i += 1) heard[frame + i - from] = voice[i] / 32768;
      if (frame + voice.length >= to) done();
    }
    capture.addEventListener("chunk", take);
  });
}
