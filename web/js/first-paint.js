// Tells the style sheet, before anything is painted, what this browser already has, so that nothing jumps.
{
  const page = document.documentElement.dataset;
  page.songs = "none";
  try {
    if (JSON.parse(localStorage.getItem("karaoke.tracks") || "[]").length) page.songs = "some";
    if (localStorage.getItem("karaoke.room") === "open") page.workers = "open";
  } catch {
    // Storage is forbidden or holds nonsense: as on a first visit.
  }
}
