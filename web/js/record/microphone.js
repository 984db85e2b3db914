// Opens the microphone without any processing; a failure says in one sentence what to do.

import { text } from "../strings.js";

/** Processing for speech degrades singing. */
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Why the microphone cannot be opened, as a sentence for the user. */
export class MicrophoneError extends Error {}

/** The microphone's stream; rejects with `MicrophoneError`. */
export async function openMicrophone() {
  if (!isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new MicrophoneError(text.record.insecure);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...RAW, channelCount: { ideal: 1 } } });
  } catch (error) {
    throw new MicrophoneError(sentence(error.name));
  }
}

function sentence(name) {
  if (name === "NotAllowedError" || name === "SecurityError") return text.record.refused;
  if (name === "NotFoundError" || name === "OverconstrainedError") return text.record.noMicrophone;
  return text.record.busyMicrophone;
}

/** Stops the stream, which releases the microphone. */
export function closeMicrophone(stream) {
  for (const track of stream.getTracks()) track.stop();
}
