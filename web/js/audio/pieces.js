// What comes next on the playback: the song cut at block borders, and turned back at the end of a loop. Pure.

/**
 * The piece that begins at `frame`: `{ block, offset, frames, next }`, where `offset` and `frames` lie in `block`
 * and `next` is the frame after it (the loop's start when the piece ends a loop). Null at the song's end.
 */
export function pieceAt(frame, { total, blockFrames, loop = null }) {
  const looping = loop && frame < loop.to;
  const end = looping ? Math.min(loop.to, total) : total;
  if (frame >= end) return looping ? pieceAt(loop.from, { total, blockFrames, loop }) : null;
  const block = Math.floor(frame / blockFrames);
  const offset = frame - block * blockFrames;
  const frames = Math.min(blockFrames - offset, end - frame);
  const after = frame + frames;
  return { block, offset, frames, next: looping && after >= end ? loop.from : after };
}

/** The loop as frames, or null when it is none: at least a tenth of a second long, within the song. */
export function loopFrames(loop, { total, rate }) {
  if (!loop) return null;
  const [from, to] = loop.map((seconds) => Math.round(Math.min(Math.max(0, seconds) * rate, total)));
  return to - from >= rate / 10 ? { from, to } : null;
}
