//! The receipt of a song, as a page to read and to print.

use crate::page::{Page, short_song};
use karaoke_tests::Settings;

/// Opens the receipt of the song that is ready, in the same tab.
pub fn open(page: &Page) {
    let link = page.browser.find("link", "Receipt of My Song");
    assert_eq!(link.js("this.target"), "_blank");
    let address = link.js("this.href");
    page.browser.open(address.as_str().expect("an address"));
    page.browser.until("document.querySelector('h1')?.textContent === 'My Song'");
}

#[test]
fn a_song_shows_what_it_took_and_what_it_costs() {
    let settings = Settings::default()
        .set("models.default", "identity")
        .set("billing.per_audio_minute", 3)
        .set("billing.currency", "CHF");
    let page = Page::with(settings);
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    open(&page);
    let browser = &page.browser;
    assert_eq!(browser.js("document.title"), "Receipt: My Song");
    let words = browser.js("document.body.innerText");
    let words = words.as_str().expect("text");
    for said in ["CHF", "Merging", "From the upload to the end", "All workers", "Uploaded"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    // Every chunk has a row, and somebody who did it.
    let workers =
        "[...document.querySelectorAll('table:last-of-type')].at(-1).querySelectorAll('tbody td.worker')";
    browser.until(&format!(
        "[...{workers}].length > 0 && [...{workers}].every((cell) => /^w\\d/.test(cell.textContent))"
    ));
    browser.picture("receipt");
    browser.open(&format!("{}/receipt.html", page.program.url));
    browser.until("document.body.innerText.includes('This address is not complete')");
}
