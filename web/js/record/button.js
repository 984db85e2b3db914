// The button on a song's card that opens the recorder. The recorder is loaded on the first press.

import { announce } from "../announcer.js";
import { text } from "../strings.js";

/** Adds the button to the card of a song. */
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
      announce(text.problem.actionFailed(text.record.open));
    }
  });
  const renderName = () => button.setAttribute("aria-label", text.of(text.record.open, card.title));
  card.addEventListener("changed", renderName);
  card.parts.extras.append(button);
  renderName();
}

async function load(card) {
  const [{ Recorder }] = await Promise.all([import("./recorder.js"), loadStyle()]);
  return new Recorder(card);
}

let styleLoading = null;
function loadStyle() {
  styleLoading ??= new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/record.css", onload: resolve, onerror: reject });
    document.head.append(link);
  });
  styleLoading.catch(() => (styleLoading = null));
  return styleLoading;
}
