// Connects the play button, the scrubber and the stop and remove buttons of a card with what they do.

import { confirmButton } from "../confirm-button.js";
import { text } from "../strings.js";

const SEEK_STEP_S = 5;
const SEEK_PAGE_S = 30;

/**
 * `actions`: `retry()`, `stop()`, `remove()`, and `drag(seconds)` while the scrubber is held.
 * Returns `{ isScrubbing(), renderButtons() }`.
 */
export function wireControls(card, parts, actions) {
  const { play, scrubber, stop, remove, retry, article } = parts;
  let scrubbing = false;
  play.addEventListener("click", () => card.toggle());
  retry.addEventListener("click", () => actions.retry());
  scrubber.addEventListener("input", () => {
    scrubbing = true;
    actions.drag(Number(scrubber.value));
  });
  scrubber.addEventListener("change", () => {
    scrubbing = false;
    card.seek(Number(scrubber.value));
  });
  article.addEventListener("keydown", (event) => onKey(event, card, parts));
  const of = (words) => text.of(words, card.title);
  const renderers = [
    confirmButton(stop, { label: text.stop, sure: text.stopSure, of, act: actions.stop }),
    confirmButton(remove, { label: text.remove, sure: text.removeSure, of, act: actions.remove }),
  ];
  return { isScrubbing: () => scrubbing, renderButtons: () => renderers.forEach((render) => render()) };
}

function onKey(event, card, { scrubber, play }) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const onScrubber = event.target === scrubber;
  if (!onScrubber && event.target !== play) return;
  if (onScrubber && event.key === " ") card.toggle();
  else if (["ArrowLeft", "ArrowDown"].includes(event.key)) card.seekBy(-SEEK_STEP_S);
  else if (["ArrowRight", "ArrowUp"].includes(event.key)) card.seekBy(SEEK_STEP_S);
  else if (event.key === "PageDown") card.seekBy(-SEEK_PAGE_S);
  else if (event.key === "PageUp") card.seekBy(SEEK_PAGE_S);
  else if (event.key === "Home") card.seek(0);
  else if (event.key === "End") card.seek(Math.max(0, card.track?.duration_s - SEEK_STEP_S));
  else return;
  event.preventDefault();
  event.stopPropagation();
}
