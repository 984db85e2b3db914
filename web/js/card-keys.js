// The keys of a song's play button and scrubber.

const SEEK_STEP_S = 5;
const SEEK_LEAP_S = 30;

/** Handles a `keydown` within a card: arrows, page keys, Home and End seek; the space bar on the scrubber plays. */
export function onCardKey(event, card) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const onScrubber = event.target === card.parts.scrubber;
  const onPlay = event.target === card.parts.play;
  if (!onScrubber && !onPlay) return;
  if (onScrubber && event.key === " ") card.toggle();
  else if (["ArrowLeft", "ArrowDown"].includes(event.key)) card.seekBy(-SEEK_STEP_S);
  else if (["ArrowRight", "ArrowUp"].includes(event.key)) card.seekBy(SEEK_STEP_S);
  else if (event.key === "PageDown") card.seekBy(-SEEK_LEAP_S);
  else if (event.key === "PageUp") card.seekBy(SEEK_LEAP_S);
  else if (event.key === "Home") card.seek(0);
  else if (event.key === "End") card.seek(Math.max(0, card.track?.duration_s - SEEK_STEP_S));
  else return;
  event.preventDefault();
  event.stopPropagation();
}
