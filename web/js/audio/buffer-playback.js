// Plays pieces of a song as they are, one after another without a gap: every piece is scheduled on the sample.

/** From scheduling to sounding. */
const START_S = 0.06;

export class BufferPlayback {
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

  /** Puts a piece at the end; `frame` is where it lies in the song. */
  append(channels, frame) {
    const { currentTime, sampleRate } = this.#context;
    const frames = channels[0].length;
    const buffer = new AudioBuffer({ numberOfChannels: channels.length, length: frames, sampleRate: this.#rate });
    channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
    const node = new AudioBufferSourceNode(this.#context, { buffer });
    node.connect(this.#into);
    // When the playback has run out, it begins anew, on a sample.
    if (this.#end < currentTime + START_S / 2) this.#end = Math.ceil((currentTime + START_S) * sampleRate) / sampleRate;
    node.start(this.#end);
    const piece = { node, at: this.#end, frame, seconds: frames / this.#rate };
    this.#played.push(piece);
    this.#end += piece.seconds;
    while (this.#played.length > 1 && this.#played[0].at + this.#played[0].seconds < currentTime - 1) this.#played.shift();
  }

  /** Seconds that are still to be heard. */
  get ahead() {
    return Math.max(0, this.#end - this.#context.currentTime);
  }

  /** Whether nothing is left to be heard. */
  get dry() {
    return this.#end <= this.#context.currentTime;
  }

  /** Seconds in the song that are heard now; null before the first. */
  get position() {
    const now = this.#context.currentTime - (this.#context.outputLatency || 0);
    const piece = this.#played.findLast(({ at }) => at <= now) ?? this.#played[0];
    if (!piece) return null;
    return piece.frame / this.#rate + Math.min(Math.max(0, now - piece.at), piece.seconds);
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
