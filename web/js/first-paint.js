// Runs before the first paint: tells the style sheet whether there are songs and an open panel, so that the layout does not move.
{
  const page = document.documentElement.dataset;
  page.songs = "none";
  try {
    if (JSON.parse(localStorage.getItem("karaoke.tracks") || "[]").length) page.songs = "some";
    if (localStorage.getItem("karaoke.room") === "open") page.workers = "open";
  } catch {
    // Storage is forbidden or unreadable: as on a first visit.
  }
}
