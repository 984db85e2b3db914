// The round-trip delay of a recording: from the output of the audio graph through the air and back to its input.

/** Kept across versions of the page: renaming it would lose the measured delay. */
const KEY = "karaoke.delay";
/** Input latency in seconds if the browser does not report one: two buffers of 10 ms. */
const DEFAULT_INPUT_S = 0.02;

/** The delay in seconds as browser and device report it: output latency plus input latency. */
export function reportedDelay(context, stream) {
  const out = (context.baseLatency || 0) + (context.outputLatency || 0);
  return out + (settings(stream).latency || DEFAULT_INPUT_S);
}

/** The delay in seconds that was measured with this microphone, or null. */
export function measuredDelay(stream) {
  try {
    const { device, seconds } = JSON.parse(localStorage.getItem(KEY) || "{}");
    return device === deviceOf(stream) && seconds > 0 && seconds < 2 ? seconds : null;
  } catch {
    return null;
  }
}

/** Stores the delay that was measured with this microphone. */
export function saveDelay(stream, seconds) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ device: deviceOf(stream), seconds }));
  } catch {
    // Storage is full or forbidden: then it is measured anew.
  }
}

const settings = (stream) => stream.getAudioTracks()[0]?.getSettings?.() ?? {};
const deviceOf = (stream) => settings(stream).deviceId || "default";
