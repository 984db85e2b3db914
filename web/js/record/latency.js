// How late a voice comes in: from the moment the graph makes a sound to the moment it has it back from the microphone.

const KEY = "karaoke.delay";
/** What a sound card takes to bring a sample in, where the browser does not tell: two buffers of 10 ms. */
const USUAL_INPUT_S = 0.02;

/** What browser and device say of themselves, in seconds: the way out, and the way in. */
export function toldDelay(context, stream) {
  const out = (context.baseLatency || 0) + (context.outputLatency || 0);
  return out + (settings(stream).latency || USUAL_INPUT_S);
}

/** What was measured with this microphone, in seconds, or null. */
export function measuredDelay(stream) {
  try {
    const { device, seconds } = JSON.parse(localStorage.getItem(KEY) || "{}");
    return device === deviceOf(stream) && seconds > 0 && seconds < 2 ? seconds : null;
  } catch {
    return null;
  }
}

/** Remembers what was measured with this microphone. */
export function keepDelay(stream, seconds) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ device: deviceOf(stream), seconds }));
  } catch {
    // Storage is full or forbidden: then it is measured anew.
  }
}

const settings = (stream) => stream.getAudioTracks()[0]?.getSettings?.() ?? {};
const deviceOf = (stream) => settings(stream).deviceId || "default";
