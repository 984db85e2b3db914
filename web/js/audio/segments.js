// Which segment of the song is played next: segments end at block borders, and a loop continues at its start. Pure.

/**
 * The segment that begins at `frame`: `{ block, offset, frames, next }`, where `offset` and `frames` lie in `block`
 * and `next` is the frame after it (the loop's start when the segment ends a loop). Null at the song's end.
 */
export function segmentAt(frame, { total, blockFrames, loop = null }) {
  const looping = loop && frame < loop.to;
  const end = looping ? Math.min(loop.to, total) : total;
  if (frame >= end) return looping ? segmentAt(loop.from, { total, blockFrames, loop }) : null;
  const block = Math.floor(frame / blockFrames);
  const offset = frame - block * blockFrames;
  const frames = Math.min(blockFrames - offset, end - frame);
  const after = frame + frames;
  return { block, offset, frames, next: looping && after >= end ? loop.from : after };
}

/** A loop `[from, to]` in seconds as `{ from, to }` in frames within the song; null if it is shorter than 0.1 s. */
export function loopFrames(loop, { total, rate }) {
  if (!loop) return null;
  const [from, to] = loop.map((seconds) => Math.round(Math.min(Math.max(0, seconds) * rate, total)));
  return to - from >= rate / 10 ? { from, to } : null;
}
