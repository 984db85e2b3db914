// The count-in: four clicks, the first one higher.

const BEATS = 4;
const BEAT_S = 0.6;
const CLICK_S = 0.06;
const START_DELAY_S = 0.1;
const [FIRST_HZ, OTHER_HZ] = [1760, 1320];

/** Plays the clicks into `into` and calls `onBeat` with 4, 3, 2, 1; resolves one beat after the last click. */
export async function countIn(context, into, onBeat) {
  const start = context.currentTime + START_DELAY_S;
  for (let beat = 0; beat < BEATS; beat += 1) click(context, into, start + beat * BEAT_S, beat ? OTHER_HZ : FIRST_HZ);
  for (let beat = 0; beat < BEATS; beat += 1) {
    onBeat(BEATS - beat);
    await new Promise((resolve) => setTimeout(resolve, BEAT_S * 1000));
  }
}

function click(context, into, at, frequency) {
  const tone = new OscillatorNode(context, { frequency });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0.4, at);
  gain.gain.exponentialRampToValueAtTime(0.001, at + CLICK_S);
  tone.connect(gain).connect(into);
  tone.start(at);
  tone.stop(at + CLICK_S);
  tone.onended = () => gain.disconnect();
}
