// The mixing graph: a fader a stem, and one way out. Everything that comes in has all stems side by side.

/** Time constant of a fader's movement: quick, and without a click. */
const GLIDE_S = 0.012;

export class MixGraph {
  #context;
  #splitter;
  #strips;

  /** `stems` pairs of channels. */
  constructor(context, stems, out = context.destination) {
    this.#context = context;
    this.master = new GainNode(context, { channelCount: 2, channelCountMode: "explicit" });
    this.master.connect(out);
    this.#splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 * stems });
    this.#strips = Array.from({ length: stems }, (_, stem) => {
      const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
      const gain = new GainNode(context, { gain: 0 });
      this.#splitter.connect(merger, 2 * stem, 0);
      this.#splitter.connect(merger, 2 * stem + 1, 1);
      merger.connect(gain).connect(this.master);
      return gain;
    });
  }

  /** Where sources are plugged in. */
  get input() {
    return this.#splitter;
  }

  /** Moves a fader; at once before anything plays. */
  setGain(stem, value, glide = true) {
    const { gain } = this.#strips[stem];
    const now = this.#context.currentTime;
    gain.cancelScheduledValues(now);
    if (glide) gain.setTargetAtTime(value, now, GLIDE_S);
    else gain.setValueAtTime(value, now);
  }

  /** Takes everything back. */
  close() {
    this.master.disconnect();
    this.#splitter.disconnect();
  }
}

/** How loud each stem is to be: its fader, unless it is muted or others are solo. */
export function gains(strips) {
  const solo = strips.some((strip) => strip.solo);
  return strips.map((strip) => (strip.muted || (solo && !strip.solo) ? 0 : strip.level));
}
