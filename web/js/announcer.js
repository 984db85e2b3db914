// Speaks to screen readers, one sentence after another, without flooding them.

const GAP_MS = 900;
const waiting = [];
let timer = 0;

export function announce(sentence) {
  waiting.push(sentence);
  if (!timer) speak();
}

function speak() {
  const region = document.getElementById("announcer");
  const sentence = waiting.shift();
  timer = 0;
  if (!sentence) return;
  region.textContent = sentence;
  timer = setTimeout(speak, GAP_MS);
}
