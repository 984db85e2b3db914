// The elements of the lyrics panel.

import { build } from "../markup.js";

let panels = 0;

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
    <p class="lyrics-problem" data-part="problem" hidden></p>
    <div class="lyrics-tools">
      <p class="lyrics-note" data-part="note"></p>
      <button type="button" class="quiet" data-part="choose" data-text="lyrics.choose"></button>
      <button type="button" class="quiet" data-part="edit" data-text="lyrics.edit"></button>
      <button type="button" class="quiet" data-part="remove" hidden></button>
      <input type="file" data-part="file" accept=".lrc,.txt,.srt,.vtt,text/plain" hidden>
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
