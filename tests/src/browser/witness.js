// Remembers what a test cannot see afterwards: each player that the page makes, and each jump of its layout.
window.witness = {
  players: [],
  shifts: 0,
  /** The players that hold a song, as far as they have got. */
  get playing() {
    return this.players.filter((player) => player.src && !player.paused && player.readyState > 2);
  },
  /** How loud the player is that plays: the root mean square of what comes out of it, over a moment. */
  async loudness(moment = 600) {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(this.playing[0].captureStream()).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const begin = performance.now();
    let [sum, count] = [0, 0];
    while (performance.now() - begin < moment) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      analyser.getFloatTimeDomainData(samples);
      for (const sample of samples) sum += sample * sample;
      count += samples.length;
    }
    await context.close();
    return Math.sqrt(sum / count);
  },
};
window.Audio = class extends window.Audio {
  constructor(...given) {
    super(...given);
    window.witness.players.push(this);
  }
};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.witness.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
