//! Server restarts while pages show or play a song.

use crate::page::{Page, long_song, short_song};
use karaoke_tests::Browser;
use karaoke_tests::wait::until_sync;

#[test]
fn two_pages_reconnect_after_a_server_restart() {
    let mut page = Page::slow();
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Taking out the singer");

    // The second browser gets the passcode.
    let other = Browser::start();
    let library = page.browser.js("localStorage.getItem('karaoke.tracks')");
    other.open(&page.program.url);
    other.js(&format!("localStorage.setItem('karaoke.tracks', {library})"));
    other.reload();
    let browsers = [&page.browser, &other];
    let reads = |browser: &Browser, words: &str| {
        until_sync(&format!("a card reads “{words}”"), || {
            browser.find("article", "My Song").text().contains(words).then_some(())
        });
    };
    for browser in browsers {
        reads(browser, "Taking out the singer");
        browser.until(DONE);
    }
    page.program.kill();
    for browser in browsers {
        reads(browser, "Connection lost, reconnecting");
    }
    page.program.restart();
    for browser in browsers {
        reads(browser, "Taking out the singer");
    }
    for browser in browsers {
        reads(browser, "Ready to sing");
        let cells: Vec<String> = browser
            .all("button")
            .into_iter()
            .map(|(name, _)| name)
            .filter(|n| n.starts_with("Part"))
            .collect();
        assert!(cells.len() > 10 && cells.iter().all(|name| name.contains("done")), "{cells:?}");
    }
    // Few reconnections: one or two streams per run of the server.
    let streams = other.requests().iter().filter(|url| url.ends_with("/api/v1/events")).count();
    assert!(streams < 12, "{streams} streams");
}

/// Some of the song is done.
const DONE: &str = "document.querySelectorAll('.map [data-state=done]').length > 2";

#[test]
fn playback_continues_after_a_server_restart() {
    let mut page = Page::slow();
    page.upload("Long Song.wav", &long_song().wav_16());
    let browser = &page.browser;
    browser.find("button", "Play Long Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.5");
    page.program.kill();
    browser.until("document.querySelector('.card[data-playing][data-waiting]') !== null");
    let stopped = browser.js("document.querySelector('.scrubber').valueAsNumber").as_f64().expect("a time");
    page.program.restart();
    browser.until(&format!("audioProbe.playing[0]?.currentTime > {stopped} + 0.5"));
    let level = browser.js("audioProbe.loudness(300)").as_f64().expect("a level");
    assert!(level > 0.005, "audible: {level}");
}
