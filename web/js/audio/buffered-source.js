// Plays segments of a song unchanged, one after another without a gap: each is scheduled to the sample.

/** Seconds from scheduling to the start of playback. */
const START_DELAY_S = 0.06;

export class BufferedSource {
  #context;
  #into;
  #rate;
  #played = [];
  #end = 0;

  constructor(context, into, { rate }) {
    this.#context = context;
    this.#into = into;
    this.#rate = rate;
  }

  /** Appends a segment: one Float32Array per channel, which begins at `frame` of the song. */
  append(channels, frame) {
    const { currentTime, sampleRate } = this.#context;
    const frames = channels[0].length;
    const buffer = new AudioBuffer({ numberOfChannels: channels.length, length: frames, sampleRate: this.#rate });
    channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
    const node = new AudioBufferSourceNode(this.#context, { buffer });
    node.connect(this.#into);
    // After an underrun it starts again, at a sample's time.
    if (this.#end < currentTime + START_DELAY_S / 2) this.#end = Math.ceil((currentTime + START_DELAY_S) * sampleRate) / sampleRate;
    node.start(this.#end);
    const segment = { node, at: this.#end, frame, seconds: frames / this.#rate };
    this.#played.push(segment);
    this.#end += segment.seconds;
    while (this.#played.length > 1 && this.#played[0].at + this.#played[0].seconds < currentTime - 1) this.#played.shift();
  }

  /** Seconds that are queued and not played yet. */
  get ahead() {
    return Math.max(0, this.#end - this.#context.currentTime);
  }

  /** Whether everything queued has been played. */
  get underrun() {
    return this.#end <= this.#context.currentTime;
  }

  /** Position in the song in seconds, output latency included; null before the first segment. */
  get position() {
    const now = this.#context.currentTime - (this.#context.outputLatency || 0);
    const segment = this.#played.findLast(({ at }) => at <= now) ?? this.#played[0];
    if (!segment) return null;
    return segment.frame / this.#rate + Math.min(Math.max(0, now - segment.at), segment.seconds);
  }

  stop() {
    for (const { node } of this.#played) {
      node.stop();
      node.disconnect();
    }
    this.#played = [];
    this.#end = 0;
  }
}
