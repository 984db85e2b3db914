// Measures the round-trip delay: plays chirps through the loudspeakers and finds them in the microphone signal.

import { chirp, consensus, findSignal } from "./chirp.js";

const CHIRPS = 4;
const INTERVAL_S = 0.9;
const FIRST_S = 0.3;
/** Longest delay that is measured. */
const MAX_DELAY_S = 0.8;
const TOLERANCE_S = 0.004;
const GAIN = 0.6;

/** Seconds from the graph to the loudspeakers, through the air and back into the graph; null if the chirps were not found. */
export async function measureDelay(capture, into) {
  const { context } = capture;
  const rate = context.sampleRate;
  const signal = chirp(rate);
  const buffer = new AudioBuffer({ numberOfChannels: 1, length: signal.length, sampleRate: rate });
  buffer.copyToChannel(signal, 0);
  const gain = new GainNode(context, { gain: GAIN });
  gain.connect(into);
  const first = capture.frame + Math.round(FIRST_S * rate);
  const begins = Array.from({ length: CHIRPS }, (_, i) => first + Math.round(i * INTERVAL_S * rate));
  for (const begin of begins) {
    const node = new AudioBufferSourceNode(context, { buffer });
    node.connect(gain);
    node.start(begin / rate);
  }
  const reach = Math.round(MAX_DELAY_S * rate);
  const recorded = await record(capture, begins[0], begins[CHIRPS - 1] + reach);
  gain.disconnect();
  const delays = begins.map((begin) => {
    const from = begin - begins[0];
    return findSignal(recorded.subarray(from, from + reach), signal);
  });
  const frames = consensus(delays, TOLERANCE_S * rate);
  return frames === null ? null : frames / rate;
}

/** The microphone signal from one frame to another; missing samples are silence. */
function record(capture, from, to) {
  const recorded = new Float32Array(to - from);
  return new Promise((resolve) => {
    const timeout = setTimeout(done, ((to - capture.frame) / capture.context.sampleRate) * 1000 + 5000);
    function done() {
      clearTimeout(timeout);
      capture.removeEventListener("chunk", take);
      resolve(recorded);
    }
    function take({ detail: { frame, voice } }) {
      for (let i = Math.max(0, from - frame); i < voice.length && frame + i < to; i += 1) recorded[frame + i - from] = voice[i] / 32768;
      if (frame + voice.length >= to) done();
    }
    capture.addEventListener("chunk", take);
  });
}
