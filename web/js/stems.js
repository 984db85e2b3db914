// What the page has to know of the names of stems.

const VOCAL_STEMS = ["vocals", "lead"];

/** Whether a stem carries the voice that the user replaces. */
export const isVocal = (name) => VOCAL_STEMS.includes(name);
