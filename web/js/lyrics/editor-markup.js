// The elements of the lyrics editor.

import { text } from "../strings.js";
import { build } from "../markup.js";

const EDITOR = `
<dialog class="editor" aria-labelledby="editor-title">
  <div class="editor-head">
    <h2 id="editor-title" data-part="title"></h2>
    <button type="button" class="quiet" data-part="close" data-text="editor.close"></button>
  </div>
  <div class="editor-page" data-part="write">
    <label for="editor-words" data-text="editor.words"></label>
    <textarea id="editor-words" data-part="words" dir="auto" spellcheck="true" maxlength="200000"></textarea>
    <div class="editor-tools">
      <button type="button" class="quiet primary" data-part="toTiming" data-text="editor.time"></button>
      <button type="button" class="quiet" data-part="saveText" data-text="editor.saveText"></button>
    </div>
  </div>
  <div class="editor-page" data-part="timing" hidden>
    <p class="editor-keys" id="editor-keys" data-text="editor.keys"></p>
    <ol class="editor-lines" data-part="lines" role="listbox" tabindex="0" aria-describedby="editor-keys"></ol>
    <div class="editor-tools">
      <button type="button" class="quiet" data-part="play"></button>
      <span class="editor-now" data-part="now" aria-hidden="true"></span>
      <button type="button" class="quiet primary" data-part="stamp" data-text="editor.stamp"></button>
      <button type="button" class="quiet" data-part="stepBack" data-text="editor.stepBack"></button>
      <button type="button" class="quiet" data-part="earlier" data-text="editor.earlier"></button>
      <button type="button" class="quiet" data-part="later" data-text="editor.later"></button>
      <button type="button" class="quiet" data-part="playFrom" data-text="editor.playFrom"></button>
      <button type="button" class="quiet" data-part="undo" data-text="editor.undo"></button>
    </div>
    <div class="editor-tools">
      <button type="button" class="quiet primary" data-part="save" data-text="editor.save"></button>
      <button type="button" class="quiet" data-part="download" data-text="editor.download"></button>
      <button type="button" class="quiet" data-part="toWords" data-text="editor.back"></button>
    </div>
  </div>
  <p class="editor-status" data-part="status" role="status"></p>
</dialog>`;

export function buildEditor(title) {
  const { root, parts } = build(EDITOR);
  parts.title.textContent = text.editor.title(title);
  parts.lines.setAttribute("aria-label", text.editor.lines);
  return { root, parts };
}
