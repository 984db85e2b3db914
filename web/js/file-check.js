// Rejects, before the upload, files that cannot succeed.

import { text } from "./strings.js";

const AUDIO_EXTENSIONS = new Set(
  ("mp3 mp2 mpga m4a m4b aac adts flac ogg oga opus spx wav wave w64 bwf aif aiff aifc alac caf au snd wma " +
    "mp4 m4v mov mkv mka webm weba 3gp 3g2 avi mpg mpeg ts ogv").split(" "),
);
const AUDIO_MIME = /^(audio|video)\/|^application\/(ogg|octet-stream|x-matroska|mp4)$/;

export const ACCEPT = ["audio/*", "video/*", ".flac", ".opus", ".mka", ".mkv", ".aif", ".aiff", ".caf"].join();

const extensionOf = (file) => (file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "");

/** Whether a file is audio or video by its name or type; used for folders, which also hold other files. */
export const isAudioFile = (file) => AUDIO_EXTENSIONS.has(extensionOf(file)) || /^(audio|video)\//.test(file.type);

/** Why this file is rejected, as a sentence; null if it may be uploaded. Doubtful files are left to the server. */
export function rejectionReason(file, limits) {
  const extension = extensionOf(file);
  const isOtherType = file.type && !AUDIO_MIME.test(file.type) && !AUDIO_EXTENSIONS.has(extension);
  if (isOtherType) return text.rejected.type(file.name);
  if (file.size === 0) return text.rejected.empty(file.name);
  if (limits?.upload_bytes && file.size > limits.upload_bytes) {
    return text.rejected.size(file.name, file.size, limits.upload_bytes);
  }
  return null;
}
