// The channel between the karaoke page and its stages. Said on it: `scene`, `time`, `dark` by the page, `hello`, `do` by a stage.

export const CHANNEL = "karaoke-stage";

/** The same moment has the same number in every window of this machine, in seconds. */
export const wallClock = () => (performance.timeOrigin + performance.now()) / 1000;
