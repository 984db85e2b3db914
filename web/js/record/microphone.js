// Asks for the microphone, as raw as the browser gives it, and says in one sentence what to do when it does not.

import { text } from "../strings.js";

/** What makes speech clear makes singing hollow. */
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Why there is no microphone, as a sentence for the singer. */
export class NoMicrophone extends Error {}

/** The microphone's stream; rejects with `NoMicrophone`. */
export async function openMicrophone() {
  if (!isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new NoMicrophone(text.record.insecure);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...RAW, channelCount: { ideal: 1 } } });
  } catch (error) {
    throw new NoMicrophone(sentence(error.name));
  }
}

function sentence(name) {
  if (name === "NotAllowedError" || name === "SecurityError") return text.record.refused;
  if (name === "NotFoundError" || name === "OverconstrainedError") return text.record.noMicrophone;
  return text.record.busyMicrophone;
}

/** Gives the microphone back. */
export function closeMicrophone(stream) {
  for (const track of stream.getTracks()) track.stop();
}
