// Remembers what a test cannot see afterwards: everything that the page plays, and each jump of its layout.
window.audioProbe = {
  taps: [],
  shifts: 0,
  /** The songs that sound, as far as they have got. */
  get playing() {
    const cards = document.querySelectorAll(".card[data-playing]:not([data-waiting])");
    return [...cards].map((card) => ({ currentTime: card.querySelector(".scrubber").valueAsNumber }));
  },
  /** What comes out of the page over a moment: `{ rate, left, right }`. */
  async record(moment = 600) {
    const tap = this.taps.findLast(({ context }) => context.state === "running");
    if (!tap) return { rate: 44100, left: [], right: [] };
    const parts = [];
    tap.listener = (left, right) => parts.push([left, right]);
    const wanted = (moment / 1000) * tap.context.sampleRate;
    const heard = () => parts.reduce((sum, [left]) => sum + left.length, 0);
    const begin = performance.now();
    while (heard() < wanted && performance.now() - begin < moment + 20000) await new Promise((resolve) => setTimeout(resolve, 20));
    tap.listener = null;
    return { rate: tap.context.sampleRate, left: parts.flatMap(([left]) => [...left]), right: parts.flatMap(([, right]) => [...right]) };
  },
  /** Exactly what comes out, sample by sample: interleaved 16-bit, through the page's own capture. */
  async exact(seconds) {
    const { context, out } = this.taps.findLast((tap) => tap.context.state === "running");
    await context.audioWorklet.addModule("/js/record/worklet/capture.js");
    const node = new AudioWorkletNode(context, "capture", { numberOfInputs: 2, outputChannelCount: [2] });
    const parts = [];
    node.port.onmessage = ({ data }) => parts.push(data);
    connect.call(out, node, 0, 0);
    connect.call(node, context.destination);
    while (parts.length * 2048 < seconds * context.sampleRate) await new Promise((resolve) => setTimeout(resolve, 20));
    node.port.postMessage("close");
    node.disconnect();
    out.disconnect(node);
    return parts.flatMap(({ song }) => [...song]);
  },
  /** How loud that is: its root mean square. */
  async loudness(moment) {
    const { left } = await this.record(moment);
    return Math.sqrt(left.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, left.length));
  },
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  if (target instanceof AudioDestinationNode && this.context instanceof AudioContext) {
    const tap = { context: this.context, out: this, listener: null };
    const node = this.context.createScriptProcessor(8192, 2, 2);
    node.onaudioprocess = ({ inputBuffer: heard }) => tap.listener?.(heard.getChannelData(0).slice(), heard.getChannelData(1).slice());
    connect.call(this, node);
    connect.call(node, target);
    tap.node = node;
    window.audioProbe.taps.push(tap);
  }
  return connect.call(this, target, ...more);
};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.audioProbe.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
