//! Lyrics on a card: from tags and files, highlighted in time.

use crate::layout::every_view;
use crate::page::{Page, short_song};
use karaoke_tests::wait::until_sync;
use serde_json::{Value, json};
use std::process::Command;

pub const LRC: &str = "[ar:Nobody]\n[00:01.00]First line of it\n[00:02.50]Second line\n[00:04.00]Third line\n[00:05.00]\n[00:10.50]Last line\n";
pub const WORDS: &str = "[00:00.50]<00:00.50>Sing <00:02.50>it <00:04.50>out\n[00:07.00]After that\n";

/// A FLAC file with tags.
fn tagged_flac(page: &Page, tags: &[&str]) -> Vec<u8> {
    let (from, to) =
        (page.file("plain.wav", &short_song().wav_16()), page.browser.folder().join("tagged.flac"));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from);
    for tag in tags {
        ffmpeg.args(["-metadata", tag]);
    }
    assert!(ffmpeg.arg(&to).status().expect("these tests need ffmpeg").success());
    std::fs::read(to).expect("a file")
}

/// A page with a separated song, with these lyrics in its tags.
pub fn song_with(lyrics: Option<&str>) -> Page {
    let page = Page::quick();
    match lyrics {
        Some(lyrics) => {
            let tags = [&format!("LYRICS={lyrics}")[..], "title=My Song", "artist=The Band"];
            page.upload("My Song.flac", &tagged_flac(&page, &tags));
        }
        None => page.upload("My Song.wav", &short_song().wav_16()),
    }
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Lyrics of My Song");
    page
}

/// The position of the song in seconds, as the card shows it.
pub fn position(page: &Page) -> f64 {
    // Behind an open dialog elements cannot be found by role.
    page.browser.js("Number(document.querySelector('.scrubber').value)").as_f64().expect("seconds")
}

fn is_current(page: &Page, line: &str) -> bool {
    page.browser.look_for("button", line).is_some_and(|line| line.js("this.ariaCurrent") == "true")
}

fn until_current(page: &Page, line: &str) {
    until_sync(&format!("“{line}” is current"), || is_current(page, line).then_some(()));
}

/// The lyrics at the server.
pub fn saved_lyrics(page: &Page) -> Value {
    page.browser.js("(async () => {
            const { id, passcode } = JSON.parse(localStorage.getItem('karaoke.tracks'))[0];
            const headers = { 'X-Track-Passcode': passcode };
            const answer = await fetch(`/api/v1/tracks/${id}/lyrics`, { headers });
            return answer.ok ? answer.json() : { status: answer.status };
        })()")
}

#[test]
fn lyrics_from_tags_are_highlighted_in_time_and_a_click_seeks() {
    let page = song_with(Some(LRC));
    let browser = &page.browser;
    // Records the position at which each line became current.
    browser.js(
        "window.lit = {}, new MutationObserver(() => {
            for (const line of document.querySelectorAll('.lyric[aria-current=true]'))
                window.lit[line.textContent] ??= Number(document.querySelector('.scrubber').value);
        }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['aria-current'] }), true",
    );
    browser.js("audioProbe.shifts = 0");
    browser.find("button", "Play My Song").click();
    for (line, start) in [("First line of it", 1.0), ("Second line", 2.5), ("Third line", 4.0)] {
        until_current(&page, line);
        let at = browser.js(&format!("window.lit['{line}']")).as_f64().expect("seconds");
        // The scrubber itself moves only a few times a second.
        assert!((start - 0.6..start + 0.4).contains(&at), "“{line}” was lit at {at}");
    }
    let lit =
        browser.all("button").into_iter().filter(|(_, node)| node.js("this.ariaCurrent") == "true").count();
    assert_eq!(lit, 1, "one line at a time");

    browser.find("button", "Last line").click();
    until_current(&page, "Last line");
    assert!((10.4..11.6).contains(&position(&page)), "{}", position(&page));
    browser.find("button", "Pause My Song").click();
    browser.find("button", "First line of it").click();
    until_current(&page, "First line of it");
    assert_eq!(saved_lyrics(&page)["source"], "tags");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    every_view(&page, "lyrics");
}

#[test]
fn a_pause_has_a_count_in_and_manual_scrolling_stops_following() {
    let page = song_with(Some(LRC));
    let browser = &page.browser;
    browser.find("button", "Lyrics of My Song").click();
    let lit_dots = "document.querySelectorAll('.lyrics .dots i[data-lit]').length";
    browser.find("slider", "Position in the song").js("this.focus()");
    browser.press("ArrowRight");
    until_sync("the song is at 5 s", || (position(&page) >= 5.0).then_some(()));
    assert_eq!(browser.js(lit_dots), 0, "five and a half seconds before the line nothing is counted");
    browser.press("Space");
    for dots in [4, 3, 2, 1] {
        browser.until(&format!("{lit_dots} === {dots}"));
    }
    until_current(&page, "Last line");
    assert_eq!(browser.js(lit_dots), 0);

    browser.js("document.querySelector('.lyrics-box').dispatchEvent(new WheelEvent('wheel')), true");
    let back = browser.find("button", "Back to the song");
    browser.js("document.querySelector('.lyrics-box').scrollTop = 0, true");
    browser.find("button", "First line of it").js("this.focus()");
    browser.press("ArrowDown");
    assert_eq!(browser.focused(), "Second line");
    browser.press("Enter");
    until_current(&page, "Second line");
    assert!(browser.look_for("button", "Back to the song").is_none(), "{}", back.text());
}

#[test]
fn a_dropped_lyrics_file_is_saved() {
    let page = song_with(None);
    let browser = &page.browser;
    browser.find("button", "Lyrics of My Song").click();
    until_sync("it says that there are none", || {
        page.card("My Song").text().contains("No lyrics yet").then_some(())
    });
    let broken = format!("{LRC}[00:0x.00]Nobody knows when\n");
    let file = page.file("words.lrc", broken.as_bytes());
    page.card("My Song").drop_file(&file);
    browser.find("button", "Second line");
    page.until_card("My Song", "One line has a time that cannot be read: 7.");
    assert_eq!(browser.all("article").len(), 1, "it was not uploaded as a song");
    assert_eq!(
        browser.js("document.documentElement.dataset.dragging === undefined"),
        true,
        "the drop overlay is hidden"
    );
    assert_eq!(
        (&saved_lyrics(&page)["synced"], &saved_lyrics(&page)["source"]),
        (&json!(true), &json!("user"))
    );

    browser.reload();
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Second line");

    let poor = page.file("empty.lrc", b"\n\n");
    let choose = browser.find("button", "Choose a lyrics file");
    browser.choose_files(&[&poor], || choose.click());
    page.until_card("My Song", "The lyrics were not taken. There is no line to sing in this text.");
    browser.find("button", "Second line");
    let gone = || saved_lyrics(&page)["status"] == 404;
    page.press_and_confirm("Remove lyrics My Song", "Really remove? My Song", gone);
    page.until_card("My Song", "No lyrics yet");
    // The browser logs each refused request itself.
    let complaints: Vec<_> =
        browser.complaints().into_iter().filter(|c| !c.contains("status of 4")).collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn words_are_highlighted_one_after_another() {
    let page = song_with(Some(WORDS));
    let browser = &page.browser;
    // Records the state of the words and the position whenever it changes.
    browser.js(
        "window.seen = [], new MutationObserver(() => {
            const words = [...document.querySelectorAll('.lyric[aria-current=true] .word')].map((w) => w.dataset.sung).join();
            if (words && window.seen.at(-1)?.words !== words)
                window.seen.push({ words, at: Number(document.querySelector('.scrubber').value) });
        }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-sung', 'aria-current'] }), true",
    );
    browser.find("button", "Play My Song").click();
    until_current(&page, "After that");
    let seen = browser.js("window.seen");
    for (words, start) in [("now,no,no", 0.5), ("yes,now,no", 2.5), ("yes,yes,now", 4.5)] {
        let when = seen.as_array().and_then(|all| all.iter().find(|state| state["words"] == words));
        let at =
            when.and_then(|state| state["at"].as_f64()).unwrap_or_else(|| panic!("never {words}: {seen}"));
        assert!((start - 0.6..start + 0.4).contains(&at), "{words} at {at}");
    }
    browser.find("button", "Pause My Song").click();
}
