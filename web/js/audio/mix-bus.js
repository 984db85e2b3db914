// The mix bus: one gain per stem, summed into a stereo master. Its input carries the channels of all stems side by side.

/** Time constant of a gain change in seconds: short, and without a click. */
const SMOOTHING_S = 0.012;

export class MixBus {
  #context;
  #splitter;
  #gains;

  /** `stems` is the number of stereo stems; the mix goes to `out`. */
  constructor(context, stems, out = context.destination) {
    this.#context = context;
    this.master = new GainNode(context, { channelCount: 2, channelCountMode: "explicit" });
    this.master.connect(out);
    this.#splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 * stems });
    this.#gains = Array.from({ length: stems }, (_, stem) => {
      const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
      const gain = new GainNode(context, { gain: 0 });
      this.#splitter.connect(merger, 2 * stem, 0);
      this.#splitter.connect(merger, 2 * stem + 1, 1);
      merger.connect(gain).connect(this.master);
      return gain;
    });
  }

  /** The node that sources connect to: `2 * stems` channels. */
  get input() {
    return this.#splitter;
  }

  /** Sets the linear gain of a stem, smoothly or (before anything plays) at once. */
  setGain(stem, value, smooth = true) {
    const { gain } = this.#gains[stem];
    const now = this.#context.currentTime;
    gain.cancelScheduledValues(now);
    if (smooth) gain.setTargetAtTime(value, now, SMOOTHING_S);
    else gain.setValueAtTime(value, now);
  }

  /** Disconnects all nodes. */
  close() {
    this.master.disconnect();
    this.#splitter.disconnect();
  }
}

/** The linear gain of each strip: its level, or 0 if it is muted or another strip is solo. */
export function stripGains(strips) {
  const solo = strips.some((strip) => strip.solo);
  return strips.map((strip) => (strip.muted || (solo && !strip.solo) ? 0 : strip.level));
}
