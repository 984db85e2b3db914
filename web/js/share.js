// The button on a card that shares its song: with the system's sheet where fingers are used, else as a copied link.

import { announce } from "./announcer.js";
import { linkTo } from "./song-link.js";
import { text } from "./strings.js";

const THANKS_MS = 2500;

export const share = { name: "share", attach };

function attach(card) {
  const button = document.getElementById("share-template").content.firstElementChild.cloneNode(true);
  const words = button.querySelector("span");
  const show = () => {
    words.textContent = text.share.share;
    button.title = text.share.explain;
    button.setAttribute("aria-label", text.share.of(card.title));
    button.hidden = card.state === "failed" || card.state === "cancelled";
  };
  let thanks = 0;
  button.addEventListener("click", async () => {
    const done = await hand(card);
    if (done !== "copied") return;
    clearTimeout(thanks);
    words.textContent = text.share.copied;
    button.toggleAttribute("data-done", true);
    announce(text.share.saidCopied(card.title));
    thanks = setTimeout(() => {
      button.toggleAttribute("data-done", false);
      show();
    }, THANKS_MS);
  });
  card.addEventListener("changed", () => button.hasAttribute("data-done") || show());
  show();
  card.parts.state.after(button);
}

async function hand(card) {
  const url = linkTo(card.key);
  if (navigator.share && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ title: card.title, url });
      return "shared";
    } catch (error) {
      if (error.name === "AbortError") return "left";
    }
  }
  if (await copied(url)) return "copied";
  prompt(text.share.byHand, url);
  return "shown";
}

/** Without https a page has no clipboard of its own; what is selected can be copied all the same. */
async function copied(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.className = "unseen";
    field.value = words;
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}
