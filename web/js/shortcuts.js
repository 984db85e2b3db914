// Keyboard shortcuts of the whole page, while no control has the focus: play and pause, seek, mix, key, tempo, loop.

import { isVocal } from "./stems.js";

const SEEK_STEP_S = 5;

const actions = {
  " ": (card) => card.toggle(),
  ArrowLeft: (card) => card.seekBy(-SEEK_STEP_S),
  ArrowRight: (card) => card.seekBy(SEEK_STEP_S),
  Home: (card) => card.seek(0),
  g: toggleGuideVocals,
  l: (card) => card.controls.loop(),
  "-": (card) => card.controls.key(-1),
  "+": (card) => card.controls.key(1),
  "=": (card) => card.controls.key(1),
  ",": (card) => card.controls.tempo(-5),
  ".": (card) => card.controls.tempo(5),
};

const showList = () => import("./shortcut-list.js").then((module) => module.openShortcutList());

/** `currentCard()` gives the card that the shortcuts act on, or nothing. */
export function listenToShortcuts(currentCard) {
  document.getElementById("shortcuts").addEventListener("click", showList);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest?.("button, a, input, select, textarea, dialog, [contenteditable]")) return;
    if (event.key === "?") return showList();
    const action = actions[event.key];
    const card = action && currentCard();
    if (!card) return;
    action(card);
    event.preventDefault();
  });
}

/** Switches the recorded vocals on or off. */
function toggleGuideVocals({ player }) {
  for (const { name, level } of player.strips) if (isVocal(name)) player.mix(name, { level: level > 0 ? 0 : 1, muted: false });
}
