// Builds elements from markup in scripts, and loads style sheets of parts that are loaded on demand.

import { text } from "./strings.js";

const sheets = new Map();

/** Resolves when the style sheet is loaded or has failed to load. */
export function loadStyle(href) {
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((done) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.onload = link.onerror = done;
      link.href = href;
      document.head.append(link);
    }));
  }
  return sheets.get(href);
}

/** Builds elements from trusted markup; returns the first one and its parts by their `data-part`. */
export function build(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  const root = template.content.firstElementChild;
  const named = [root, ...root.querySelectorAll("[data-part]")];
  const parts = Object.fromEntries(named.filter((node) => node.dataset.part).map((node) => [node.dataset.part, node]));
  for (const node of root.querySelectorAll("[data-text]")) {
    node.textContent = node.dataset.text.split(".").reduce((words, name) => words[name], text);
  }
  return { root, parts };
}
