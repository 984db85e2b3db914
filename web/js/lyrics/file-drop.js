// Lyrics files that are dropped on a song's card. All other dropped files are handled by the page.

const LYRICS = /\.(lrc|txt|srt|vtt)$/i;
// During a drag only the type of a file is known, not its name; audio files have a type of their own.
const POSSIBLE_TYPES = /^$|^text\/|lrc$|subrip$|^application\/octet-stream$/;

const root = document.documentElement;
let isWatching = false;

/** Calls `onFile(file)` for a lyrics file that is dropped on `target`. */
export function acceptLyricsDrops(target, onFile) {
  watchPage();
  target.addEventListener("dragover", (event) => mayBeLyrics(event) && target.toggleAttribute("data-drop-target", true));
  target.addEventListener("dragleave", (event) => {
    if (!target.contains(event.relatedTarget)) target.toggleAttribute("data-drop-target", false);
  });
  target.addEventListener("drop", (event) => {
    target.toggleAttribute("data-drop-target", false);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length !== 1 || !LYRICS.test(files[0].name)) return;
    event.preventDefault();
    onFile(files[0]);
  });
}

const mayBeLyrics = (event) => {
  const items = [...(event.dataTransfer?.items ?? [])];
  return items.length === 1 && items[0].kind === "file" && POSSIBLE_TYPES.test(items[0].type);
};

/** While a file that may be lyrics is dragged over the page, the cards show that they accept it. */
function watchPage() {
  if (isWatching) return;
  isWatching = true;
  addEventListener("dragover", (event) => root.toggleAttribute("data-lyrics-drag", mayBeLyrics(event)));
  addEventListener("drop", () => root.toggleAttribute("data-lyrics-drag", false));
  addEventListener("dragleave", (event) => event.relatedTarget || root.toggleAttribute("data-lyrics-drag", false));
}
