// The share button on a card: the system's share sheet on touch devices, else a copied link.

import { announce } from "./announcer.js";
import { linkTo } from "./song-link.js";
import { text } from "./strings.js";

const CONFIRM_MS = 2500;

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
  let confirmTimer = 0;
  button.addEventListener("click", async () => {
    const done = await shareSong(card);
    if (done !== "copied") return;
    clearTimeout(confirmTimer);
    words.textContent = text.share.copied;
    button.toggleAttribute("data-done", true);
    announce(text.share.announceCopied(card.title));
    confirmTimer = setTimeout(() => {
      button.toggleAttribute("data-done", false);
      show();
    }, CONFIRM_MS);
  });
  card.addEventListener("changed", () => button.hasAttribute("data-done") || show());
  show();
  card.parts.state.after(button);
}

async function shareSong(card) {
  const url = linkTo(card.key);
  if (navigator.share && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ title: card.title, url });
      return "shared";
    } catch (error) {
      if (error.name === "AbortError") return "left";
    }
  }
  if (await copyText(url)) return "copied";
  prompt(text.share.byHand, url);
  return "shown";
}

/** Without https there is no Clipboard API; copying a selection still works. */
async function copyText(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.className = "visually-hidden";
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
