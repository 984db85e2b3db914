// A sound that is easily found again, and where it is in a recording. Pure.

const LENGTH_S = 0.03;
/** What small loudspeakers and cheap microphones both can. */
const [LOW_HZ, HIGH_HZ] = [900, 6000];
/** So far the best place must stand out from all others: of 40 000 places of noise the best stands out 4.5 times. */
const OUTSTANDING = 8;

/** A short sweep, which is like itself at one place only. */
export function pulse(rate) {
  const length = Math.round(LENGTH_S * rate);
  return Float32Array.from({ length }, (_, i) => {
    const t = i / rate;
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (length - 1));
    return window * Math.sin(2 * Math.PI * (LOW_HZ * t + ((HIGH_HZ - LOW_HZ) * t * t) / (2 * LENGTH_S)));
  });
}

/** Where in `heard` the sound begins that is most like `sound`, in samples; null when none is like it. */
export function findPulse(heard, sound) {
  const places = heard.length - sound.length + 1;
  let [best, at, sum] = [0, 0, 0];
  for (let place = 0; place < places; place += 1) {
    let likeness = 0;
    for (let i = 0; i < sound.length; i += 1) likeness += heard[place + i] * sound[i];
    sum += likeness * likeness;
    if (Math.abs(likeness) > best) [best, at] = [Math.abs(likeness), place];
  }
  return places > 0 && best > OUTSTANDING * Math.sqrt(sum / places) ? at : null;
}

/** What most of the measurements agree on, or null: at least three within `within` of their median. */
export function agreement(values, within) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const middle = known[known.length >> 1];
  const near = known.filter((value) => Math.abs(value - middle) <= within);
  return near.length >= 3 ? near[near.length >> 1] : null;
}
