// The button that keeps a song, on servers that remove finished songs by age or for room.

import * as api from "./api.js";
import { announce } from "./announcer.js";
import { text } from "./strings.js";

let removal = null;
const shown = new Set();

/** What the server says of removal: `{ hours, for_room, owners_keep }`. */
export function setRemoval(offered) {
  removal = offered ?? null;
  for (const show of shown) show();
}

/** Adds the button to the card of a song; it is there once the song is ready, if it could be removed otherwise. */
export function attach(card) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet keep" });
  const show = () => {
    const isAtRisk = removal?.owners_keep && (removal.hours || removal.for_room);
    button.hidden = !isAtRisk || card.state !== "done" || !card.key;
    const kept = Boolean(card.track?.kept);
    button.setAttribute("aria-pressed", kept);
    button.textContent = kept ? text.keep.kept : text.keep.keep;
    button.setAttribute("aria-label", text.keep.of(card.title));
    button.title = text.keep.explain(removal?.hours, removal?.for_room);
  };
  button.addEventListener("click", async () => {
    const kept = !card.track?.kept;
    try {
      card.track = await api.keep(card.key, kept);
      announce(kept ? text.keep.announceKept(card.title) : text.keep.announceReleased(card.title));
    } catch {
      announce(text.problem.actionFailed(text.keep.keep));
    }
    show();
  });
  card.addEventListener("changed", show);
  shown.add(show);
  card.addEventListener("removed", () => shown.delete(show));
  show();
  card.parts.extras.append(button);
}
