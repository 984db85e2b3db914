// The keyboard for the whole page: space plays and pauses, the arrows move, when no control has the focus.

const SEEK_STEP_S = 5;

/** `currentCard()` gives the card that the keys are for, or nothing. */
export function listenToKeys(currentCard) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.("button, a, input, select, textarea, [contenteditable]")) return;
    const card = currentCard();
    if (!card) return;
    if (event.key === " ") card.toggle();
    else if (event.key === "ArrowLeft") card.seekBy(-SEEK_STEP_S);
    else if (event.key === "ArrowRight") card.seekBy(SEEK_STEP_S);
    else return;
    event.preventDefault();
  });
}
