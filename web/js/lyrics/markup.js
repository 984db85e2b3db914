// The elements of the lyrics panel, and how a style sheet of a part is brought in when the part is.

import { text } from "../strings.js";

const sheets = new Map();
let panels = 0;

/** Done when the style sheet is there, or cannot be had. */
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

/** Builds elements from markup of our own; returns the first and its parts by their `data-part`. */
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

const PANEL = `
<div>
  <button type="button" class="quiet" data-part="toggle" aria-expanded="false" data-text="lyrics.button"></button>
  <button type="button" class="quiet" data-part="stage" data-text="lyrics.stage"></button>
  <button type="button" class="quiet" data-part="second" data-text="lyrics.second"></button>
  <div class="lyrics" data-part="panel" role="group" hidden>
    <div class="lyrics-box" data-part="box" tabindex="-1">
      <p class="lyrics-empty" data-part="empty"></p>
      <ol class="lyrics-lines" data-part="list" hidden></ol>
      <button type="button" class="quiet lyrics-follow" data-part="follow" data-text="lyrics.follow" hidden></button>
    </div>
    <p class="lyrics-trouble" data-part="trouble" hidden></p>
    <div class="lyrics-tools">
      <p class="lyrics-note" data-part="note"></p>
      <button type="button" class="quiet" data-part="choose" data-text="lyrics.choose"></button>
      <button type="button" class="quiet" data-part="edit" data-text="lyrics.edit"></button>
      <button type="button" class="quiet" data-part="remove" hidden></button>
      <input type="file" data-part="file" accept=".lrc,.txt,text/plain" hidden>
    </div>
  </div>
</div>`;

/** The buttons and the panel of one card. */
export function buildPanel() {
  const { parts } = build(PANEL);
  parts.panel.id = `lyrics-${(panels += 1)}`;
  parts.toggle.setAttribute("aria-controls", parts.panel.id);
  return parts;
}
