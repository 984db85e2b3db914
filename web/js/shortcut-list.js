// The list of keyboard shortcuts.

import { text } from "./strings.js";

/** Opens the list as a dialog; closing it restores the focus. */
export function openShortcutList() {
  if (document.querySelector("dialog[open]")) return;
  const before = document.activeElement;
  const dialog = document.getElementById("shortcuts-template").content.firstElementChild.cloneNode(true);
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  part("title").textContent = text.shortcutsTitle;
  part("close").textContent = text.shortcutsClose;
  part("list").append(...text.shortcutList.flatMap(([keys, action]) => [term(keys), description(action)]));
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

function description(action) {
  return Object.assign(document.createElement("dd"), { textContent: action });
}
