// Announces sentences to screen readers through the page's live region, one after another.

/** Pause between two announcements, so that each is read. */
const GAP_MS = 900;
const queue = [];
let timer = 0;

export function announce(sentence) {
  queue.push(sentence);
  if (!timer) announceNext();
}

function announceNext() {
  const region = document.getElementById("announcer");
  const sentence = queue.shift();
  timer = 0;
  if (!sentence) return;
  region.textContent = sentence;
  timer = setTimeout(announceNext, GAP_MS);
}
