// The list of keyboard shortcuts.

import { text } from "./strings.js";

/** Shows it; the focus goes back to where it was. */
export function openKeyList() {
  if (document.querySelector("dialog[open]")) return;
  const before = document.activeElement;
  const dialog = document.getElementById("keys-template").content.firstElementChild.cloneNode(true);
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  part("title").textContent = text.keysTitle;
  part("close").textContent = text.keysClose;
  part("list").append(...text.keyActs.flatMap(([keys, act]) => [term(keys), description(act)]));
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function term(keys) {
  const node = document.createElement("dt");
  node.append(...keys.flatMap((key, at) => [at ? " " : "", Object.assign(document.createElement("kbd"), { textContent: key })]));
  return node;
}

function description(act) {
  return Object.assign(document.createElement("dd"), { textContent: act });
}
