// Takes in files however they come: dropped anywhere, chosen, or pasted.

import { text } from "./strings.js";

/** Calls `onFiles(files)`, and `onFolder(sentence)` for a folder, which is not taken in. */
export function takeIn({ button, input, onFiles, onFolder }) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = "";
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      onFiles(files);
    }
  });

  const carriesFiles = (event) => event.dataTransfer?.types?.includes("Files");
  let depth = 0;
  const show = () => document.documentElement.toggleAttribute("data-dragging", depth > 0);

  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show();
  });
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show();
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    const taken = event.defaultPrevented;
    event.preventDefault();
    depth = 0;
    show();
    // What was dropped was for whom it was dropped on: lyrics on a song, say.
    if (!taken) onFiles(filesOf(event.dataTransfer, onFolder));
  });
}

function filesOf(transfer, onFolder) {
  const files = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) onFolder(text.refused.folder(entry.name));
    else files.push(item.getAsFile());
  }
  return files.filter(Boolean);
}
