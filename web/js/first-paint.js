// Tells the style sheet, before anything is painted, whether this browser already has songs, so that nothing jumps.
try {
  const saved = JSON.parse(localStorage.getItem("karaoke.tracks") || "[]");
  document.documentElement.dataset.songs = saved.length ? "some" : "none";
} catch {
  document.documentElement.dataset.songs = "none";
}
