// Accepts files and folders: dropped anywhere on the page, chosen with a button, or pasted.

/** Calls `onFiles(files)`, and `onFolder({ name, files, others })` with the songs of a folder and the number of other files in it. */
export function acceptFiles({ button, input, folderButton, folderInput, onFiles, onFolder }) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = "";
  });
  folderButton.hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  folderButton.addEventListener("click", () => folderInput.click());
  folderInput.addEventListener("change", async () => {
    const files = [...folderInput.files];
    folderInput.value = "";
    if (files.length) (await import("./folders.js")).readChosenFolder(files, onFolder);
  });

  const accept = (event, transfer) => {
    const entries = entriesOf(transfer);
    const files = [...transfer.files].filter((_, at) => !entries[at]?.isDirectory);
    const folders = entries.filter((entry) => entry?.isDirectory);
    if (!files.length && !folders.length) return;
    event.preventDefault();
    if (files.length) onFiles(files);
    if (folders.length) import("./folders.js").then((module) => module.readDroppedFolders(folders, onFolder));
  };

  document.addEventListener("paste", (event) => event.clipboardData && accept(event, event.clipboardData));

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
    const handled = event.defaultPrevented;
    event.preventDefault();
    depth = 0;
    show();
    // The element that it was dropped on may have handled it: lyrics on a song, for example.
    if (!handled) accept(event, event.dataTransfer);
  });
}

/** The file system entries of a transfer, in the order of its files; readable only during the event. */
const entriesOf = (transfer) =>
  [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? null);
