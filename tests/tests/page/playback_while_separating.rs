//! Playback while the song is still being separated.

use crate::page::{Page, long_song};

#[test]
fn a_song_plays_while_it_is_separated_and_a_seek_moves_its_chunk_forward() {
    let page = Page::slow();
    let browser = &page.browser;
    page.upload("Long Song.wav", &long_song().wav_16());
    browser.find("button", "Play Long Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.3");
    let level = browser.js("audioProbe.loudness(300)").as_f64().expect("a level");
    assert!(level > 0.005, "audible: {level}");
    assert!(page.card("Long Song").text().contains("Taking out the singer"), "while it is being separated");

    let cells = page.chunk_cells();
    let far = &cells[cells.len() * 3 / 4];
    assert!(is_pending(far), "{far}");
    browser.find("button", far).click();
    browser.until("audioProbe.playing[0]?.currentTime > 40");
    let begun = browser.js("audioProbe.playing[0].currentTime").as_f64().expect("a time");
    browser.until(&format!("audioProbe.playing[0]?.currentTime > {begun} + 0.1"));
    let cells = page.chunk_cells();
    assert!(
        cells.iter().any(|name| is_pending(name)),
        "the chosen part was separated before others: {cells:?}"
    );
}

/// Whether no chunk of a cell is done.
fn is_pending(cell: &str) -> bool {
    cell.contains(": not begun") || cell.contains(": 0 of ")
}
