// The way into the recorder: a button on the song's card. The recorder itself is loaded when it is pressed.

import { announce } from "../announcer.js";
import { text } from "../strings.js";

/** Puts the button on the card of a song. */
export function attach(card) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet", textContent: text.record.open });
  button.setAttribute("aria-expanded", "false");
  let recorder = null;
  button.addEventListener("click", async () => {
    const loading = (recorder ??= load(card));
    try {
      const open = (await loading).toggle();
      button.setAttribute("aria-expanded", open);
    } catch {
      recorder = null;
      announce(text.trouble.actionFailed(text.record.open));
    }
  });
  const name = () => button.setAttribute("aria-label", text.of(text.record.open, card.title));
  card.addEventListener("changed", name);
  card.parts.extras.append(button);
  name();
}

async function load(card) {
  const [{ Recorder }] = await Promise.all([import("./recorder.js"), style()]);
  return new Recorder(card);
}

let styled = null;
function style() {
  styled ??= new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/record.css", onload: resolve, onerror: reject });
    document.head.append(link);
  });
  styled.catch(() => (styled = null));
  return styled;
}
