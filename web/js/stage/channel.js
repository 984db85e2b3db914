// The broadcast channel between the page and its stage windows. The page sends `scene` (song and lyrics), `time`
// (position) and `dark` (the page closes); a window sends `hello` (asks for the scene) and `do` (toggle or seek).
// Names and fields stay the same across versions: a page and a stage window of different versions may be open together.

export const CHANNEL = "karaoke-stage";

/** A clock in seconds that all windows of this machine share. */
export const wallClock = () => (performance.timeOrigin + performance.now()) / 1000;
