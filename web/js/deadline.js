// By when songs are needed: the choice beside the model, and what a song's card says of it.

import { clockMinute, text } from "./strings.js";

/** Minutes from the upload. */
const CHOICES = [2, 5, 15, 30, 60];

const field = () => document.getElementById("deadline");

export function fillDeadlineChoice() {
  const none = new Option(text.deadline.none, "");
  field().replaceChildren(none, ...CHOICES.map((minutes) => new Option(text.deadline.within(minutes), minutes * 60)));
}

/** Seconds from now by which the songs that are handed in now are needed, as text; "" for no deadline. */
export const chosenDeadline = () => field()?.value ?? "";

/** What is said of a track's `deadline`, "" where there is nothing to say. */
export function deadlineWords({ deadline, state }) {
  if (!deadline || state === "failed" || state === "cancelled") return "";
  return text.deadline[deadline.status]?.(clockMinute(new Date(deadline.at))) ?? "";
}
