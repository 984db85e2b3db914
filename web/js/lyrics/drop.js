// Files of lyrics that are dropped on a song's card; everything else that is dropped is the page's.

const LYRICS = /\.(lrc|txt)$/i;
// While a file hovers its name is a secret; its type is not, and songs have one.
const PERHAPS = /^$|^text\/|lrc$|^application\/octet-stream$/;

const root = document.documentElement;
let watching = false;

/** Calls `onFile` for a file of lyrics that is dropped on `target`. */
export function takeDrops(target, onFile) {
  watchPage();
  target.addEventListener("dragover", (event) => perhaps(event) && target.toggleAttribute("data-catching", true));
  target.addEventListener("dragleave", (event) => {
    if (!target.contains(event.relatedTarget)) target.toggleAttribute("data-catching", false);
  });
  target.addEventListener("drop", (event) => {
    target.toggleAttribute("data-catching", false);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length !== 1 || !LYRICS.test(files[0].name)) return;
    event.preventDefault();
    onFile(files[0]);
  });
}

const perhaps = (event) => {
  const items = [...(event.dataTransfer?.items ?? [])];
  return items.length === 1 && items[0].kind === "file" && PERHAPS.test(items[0].type);
};

/** While what hovers may be lyrics, the cards show that they would take it. */
function watchPage() {
  if (watching) return;
  watching = true;
  addEventListener("dragover", (event) => root.toggleAttribute("data-lyrics-near", perhaps(event)));
  addEventListener("drop", () => root.toggleAttribute("data-lyrics-near", false));
  addEventListener("dragleave", (event) => event.relatedTarget || root.toggleAttribute("data-lyrics-near", false));
}
