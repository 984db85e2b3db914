// The dialog of the batch download: several songs as one ZIP file.

import * as api from "./api.js";
import { text } from "./strings.js";

/** Opens the dialog for `cards`, all of them finished; closing it moves the focus to `opener`. */
export function openBatchDownload(cards, opener) {
  const dialog = document.getElementById("batch-download-template").content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...dialog.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
  fillTexts(parts);
  const boxes = cards.map((card) => choice(parts.songs, card));
  const chosen = () => cards.filter((_, at) => boxes[at].checked);
  const show = () => {
    const count = chosen().length;
    parts.fetch.textContent = text.library.fetch(count);
    parts.fetch.disabled = !count;
    parts.all.checked = count === boxes.length;
    parts.all.indeterminate = count > 0 && count < boxes.length;
    parts.status.textContent = "";
  };
  parts.all.addEventListener("change", () => {
    for (const box of boxes) box.checked = parts.all.checked;
    show();
  });
  parts.songs.addEventListener("change", show);
  parts.close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  parts.form.addEventListener("submit", async (event) => {
    event.preventDefault();
    parts.fetch.disabled = true;
    parts.status.textContent = text.library.preparing;
    try {
      await download(chosen(), parts);
      parts.status.textContent = text.library.begun;
    } catch (problem) {
      parts.status.textContent = [problem.title, problem.detail].filter(Boolean).join(": ");
    }
    parts.fetch.disabled = false;
  });
  show();
  document.body.append(dialog);
  dialog.showModal();
}

async function download(cards, { form, format }) {
  const tracks = cards.map(({ key }) => ({ id: key.id, passcode: key.passcode }));
  const stems = form.elements.what.value === "instrumental" ? ["instrumental"] : undefined;
  const { url } = await api.archive({ tracks, stems, format: format.value });
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

function choice(list, card) {
  const [item, label, box, name] = ["li", "label", "input", "span"].map((tag) => document.createElement(tag));
  label.className = "dialog-choice";
  [box.type, box.checked] = ["checkbox", true];
  name.textContent = [card.track.artist, card.title].filter(Boolean).join(" · ");
  label.append(box, name);
  item.append(label);
  list.append(item);
  return box;
}

function fillTexts(parts) {
  const words = text.library;
  parts.title.textContent = words.batch;
  parts.songsTitle.textContent = words.chosenSongs;
  parts.allName.textContent = words.all;
  parts.what.textContent = words.what;
  parts.instrumental.textContent = words.instrumental;
  parts.everything.textContent = words.everything;
  parts.formatName.textContent = words.format;
  parts.close.textContent = words.close;
  parts.format.append(...Object.entries(words.formats).map(([value, name]) => new Option(name, value)));
}
