// Refuses, before anything is sent, the files that cannot succeed.

import { text } from "./strings.js";

const AUDIBLE_EXTENSIONS = new Set(
  ("mp3 mp2 mpga m4a m4b aac adts flac ogg oga opus spx wav wave w64 bwf aif aiff aifc alac caf au snd wma " +
    "mp4 m4v mov mkv mka webm weba 3gp 3g2 avi mpg mpeg ts ogv").split(" "),
);
const AUDIBLE_MIME = /^(audio|video)\/|^application\/(ogg|octet-stream|x-matroska|mp4)$/;

export const ACCEPT = ["audio/*", "video/*", ".flac", ".opus", ".mka", ".mkv", ".aif", ".aiff", ".caf"].join();

/** Why this file cannot become karaoke, as a sentence; or null. What is not clearly wrong, the server decides. */
export function refusal(file, limits) {
  const extension = file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "";
  const clearlyOther = file.type && !AUDIBLE_MIME.test(file.type) && !AUDIBLE_EXTENSIONS.has(extension);
  if (clearlyOther) return text.refused.type(file.name);
  if (file.size === 0) return text.refused.empty(file.name);
  if (limits?.upload_bytes && file.size > limits.upload_bytes) {
    return text.refused.size(file.name, file.size, limits.upload_bytes);
  }
  return null;
}
