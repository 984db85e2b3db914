// The keyboard for the whole page, when no control has the focus: space plays and pauses, the arrows move, letters mix.

const SEEK_STEP_S = 5;
const SUNG = ["vocals", "lead"];

const acts = {
  " ": (card) => card.toggle(),
  ArrowLeft: (card) => card.seekBy(-SEEK_STEP_S),
  ArrowRight: (card) => card.seekBy(SEEK_STEP_S),
  Home: (card) => card.seek(0),
  g: guide,
  l: (card) => card.tools.loop(),
  "-": (card) => card.tools.key(-1),
  "+": (card) => card.tools.key(1),
  "=": (card) => card.tools.key(1),
  ",": (card) => card.tools.tempo(-5),
  ".": (card) => card.tools.tempo(5),
};

const showList = () => import("./key-list.js").then((module) => module.openKeyList());

/** `currentCard()` gives the card that the keys are for, or nothing. */
export function listenToKeys(currentCard) {
  document.getElementById("keys").addEventListener("click", showList);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest?.("button, a, input, select, textarea, dialog, [contenteditable]")) return;
    if (event.key === "?") return showList();
    const act = acts[event.key];
    const card = act && currentCard();
    if (!card) return;
    act(card);
    event.preventDefault();
  });
}

/** The singer's own voice is brought in, or taken out again. */
function guide({ player }) {
  for (const { name, level } of player.strips) if (SUNG.includes(name)) player.mix(name, { level: level > 0 ? 0 : 1, muted: false });
}
