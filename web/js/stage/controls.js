// Shared by the stage dialog and the stage window: keys, the screen wake lock, and controls that hide when idle.

const STEP_S = 5;
const IDLE_MS = 2500;

/** Handles a key on the stage view. */
export function onStageKey(event, { song, view, close, fullScreen }) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const onControl = event.target.closest?.("button, input");
  const line = (step) => view.lineFrom(song.time, step) ?? song.time + step * STEP_S;
  const actions = {
    " ": () => song.toggle(),
    ArrowLeft: () => song.seek(song.time - STEP_S),
    ArrowRight: () => song.seek(song.time + STEP_S),
    ArrowUp: () => song.seek(line(-1) + 0.005),
    ArrowDown: () => song.seek(line(1) + 0.005),
    Escape: close,
    f: fullScreen,
  };
  const action = actions[event.key];
  if (!action || (onControl && event.key === " ")) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}

/** Keeps the screen awake until the returned function is called; does nothing where that is not supported. */
export function keepScreenAwake() {
  let lock = null;
  let released = false;
  const request = async () => {
    if (document.hidden || released) return;
    try {
      lock = await navigator.wakeLock?.request("screen");
      if (released) lock?.release();
    } catch {
      // Low battery, or forbidden: the screen may turn off.
    }
  };
  document.addEventListener("visibilitychange", request);
  request();
  return () => {
    released = true;
    document.removeEventListener("visibilitychange", request);
    lock?.release();
  };
}

/** Sets `data-idle` on `root` while there is no input and no focused button; returns a function that ends it. */
export function hideControlsWhenIdle(root) {
  let timer = 0;
  const setIdle = () => root.toggleAttribute("data-idle", !root.querySelector("button:focus-visible"));
  const onInput = () => {
    root.removeAttribute("data-idle");
    clearTimeout(timer);
    timer = setTimeout(setIdle, IDLE_MS);
  };
  for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) root.addEventListener(name, onInput);
  onInput();
  return () => clearTimeout(timer);
}
