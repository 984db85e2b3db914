// Takes in files however they come: dropped anywhere, chosen, or pasted; and what is in folders.

/** Calls `onFiles(files)`, and `onFolder({ name, files, others })` with the songs of a folder and how many other files it holds. */
export function takeIn({ button, input, folderButton, folderInput, onFiles, onFolder }) {
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
    if (files.length) (await import("./folders.js")).chosen(files, onFolder);
  });

  const take = (event, transfer) => {
    const entries = entriesOf(transfer);
    const files = [...transfer.files].filter((_, at) => !entries[at]?.isDirectory);
    const folders = entries.filter((entry) => entry?.isDirectory);
    if (!files.length && !folders.length) return;
    event.preventDefault();
    if (files.length) onFiles(files);
    if (folders.length) import("./folders.js").then((module) => module.opened(folders, onFolder));
  };

  document.addEventListener("paste", (event) => event.clipboardData && take(event, event.clipboardData));

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
    if (!taken) take(event, event.dataTransfer);
  });
}

/** What was let go, in the order of its files; it can be asked only as long as the event lasts. */
const entriesOf = (transfer) =>
  [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? null);
