// Refuses, before anything is sent, the files that cannot succeed.

import { text } from "./strings.js";

const AUDIBLE_EXTENSIONS = new Set(
  ("mp3 mp2 mpga m4a m4b aac adts flac ogg oga opus spx wav wave w64 bwf aif aiff aifc alac caf au snd wma " +
    "mp4 m4v mov mkv mka webm weba 3gp 3g2 avi mpg mpeg ts ogv").split(" "),
);
const AUDIBLE_MIME = /^(audio|video)\/|^application\/(ogg|octet-stream|x-matroska|mp4)$/;

export const ACCEPT = ["audio/*", "video/*", ".flac", ".opus", ".mka", ".mkv", ".aif", ".aiff", ".caf"].join();

const extensionOf = (file) => (file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "");

/** Whether a file is a song by its name or type: what lies in a folder of songs is not all meant. */
export const looksAudible = (file) => AUDIBLE_EXTENSIONS.has(extensionOf(file)) || /^(audio|video)\//.test(file.type);

/** Why this file cannot become karaoke, as a sentence; or null. What is not clearly wrong, the server decides. */
export function refusal(file, limits) {
  const extension = extensionOf(file);
  const clearlyOther = file.type && !AUDIBLE_MIME.test(file.type) && !AUDIBLE_EXTENSIONS.has(extension);
  if (clearlyOther) return text.refused.type(file.name);
  if (file.size === 0) return text.refused.empty(file.name);
  if (limits?.upload_bytes && file.size > limits.upload_bytes) {
    return text.refused.size(file.name, file.size, limits.upload_bytes);
  }
  return null;
}
