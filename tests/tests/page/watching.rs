//! Two people watch one song, and the server dies before their eyes.

use crate::stage::{Stage, long_song, short_song};
use karaoke_tests::Browser;
use karaoke_tests::wait::until_sync;

#[test]
fn two_who_watch_a_song_see_the_server_die_and_come_back() {
    let mut stage = Stage::slow();
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Taking out the singer");

    // The other has been told the passcode.
    let other = Browser::start();
    let library = stage.browser.js("localStorage.getItem('karaoke.tracks')");
    other.open(&stage.program.url);
    other.js(&format!("localStorage.setItem('karaoke.tracks', {library})"));
    other.reload();
    let browsers = [&stage.browser, &other];
    let reads = |browser: &Browser, words: &str| {
        until_sync(&format!("a card reads “{words}”"), || {
            browser.find("article", "My Song").text().contains(words).then_some(())
        });
    };
    for browser in browsers {
        reads(browser, "Taking out the singer");
        browser.until(DONE);
    }
    stage.program.kill();
    for browser in browsers {
        reads(browser, "Connection lost, reconnecting");
    }
    stage.program.restart();
    for browser in browsers {
        reads(browser, "Taking out the singer");
    }
    for browser in browsers {
        reads(browser, "Ready to sing");
        let lamps: Vec<String> = browser
            .all("button")
            .into_iter()
            .map(|(name, _)| name)
            .filter(|n| n.starts_with("Part"))
            .collect();
        assert!(lamps.len() > 10 && lamps.iter().all(|name| name.contains("done")), "{lamps:?}");
    }
    // Nobody asked again and again: of every life of the server, a stream or two.
    let streams = other.requests().iter().filter(|url| url.ends_with("/api/v1/events")).count();
    assert!(streams < 12, "{streams} streams");
}

/// Some of the song is done.
const DONE: &str = "document.querySelectorAll('.map [data-state=done]').length > 2";

#[test]
fn one_who_listens_when_the_server_dies_hears_the_rest_when_it_is_back() {
    let mut stage = Stage::slow();
    stage.hand_in("Long Song.wav", &long_song().wav_16());
    let browser = &stage.browser;
    browser.find("button", "Play Long Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.5");
    stage.program.kill();
    browser.until("document.querySelector('.card[data-playing][data-waiting]') !== null");
    let stopped = browser.js("document.querySelector('.scrubber').valueAsNumber").as_f64().expect("a time");
    stage.program.restart();
    browser.until(&format!("audioProbe.playing[0]?.currentTime > {stopped} + 0.5"));
    let level = browser.js("audioProbe.loudness(300)").as_f64().expect("a level");
    assert!(level > 0.005, "one hears the song: {level}");
}
