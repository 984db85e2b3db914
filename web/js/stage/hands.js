// What both stages share: the keys, a light that stays on, and controls that step aside while nobody moves.

const STEP_S = 5;
const IDLE_MS = 2500;

/** Obeys the keys on the stage; `leave` and `fullScreen` may be missing. */
export function onStageKeys(event, { song, view, leave, fullScreen }) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const onControl = event.target.closest?.("button, input");
  const line = (step) => view.lineFrom(song.time, step) ?? song.time + step * STEP_S;
  const acts = {
    " ": () => song.toggle(),
    ArrowLeft: () => song.seek(song.time - STEP_S),
    ArrowRight: () => song.seek(song.time + STEP_S),
    ArrowUp: () => song.seek(line(-1) + 0.005),
    ArrowDown: () => song.seek(line(1) + 0.005),
    Escape: leave,
    f: fullScreen,
  };
  const act = acts[event.key];
  if (!act || (onControl && event.key === " ")) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

/** Keeps the screen awake until the returned function is called; where that cannot be, nothing happens. */
export function keepAwake() {
  let lock = null;
  let over = false;
  const ask = async () => {
    if (document.hidden || over) return;
    try {
      lock = await navigator.wakeLock?.request("screen");
      if (over) lock?.release();
    } catch {
      // Low battery, or forbidden: the song goes on all the same.
    }
  };
  document.addEventListener("visibilitychange", ask);
  ask();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", ask);
    lock?.release();
  };
}

/** Marks `root` with `data-idle` while nobody moves, presses or has the focus on a control. */
export function restWhenIdle(root) {
  let timer = 0;
  const rest = () => root.toggleAttribute("data-idle", !root.querySelector("button:focus-visible"));
  const stir = () => {
    root.removeAttribute("data-idle");
    clearTimeout(timer);
    timer = setTimeout(rest, IDLE_MS);
  };
  for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) root.addEventListener(name, stir);
  stir();
  return () => clearTimeout(timer);
}
