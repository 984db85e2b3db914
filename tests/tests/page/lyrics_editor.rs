//! The lyrics editor: writing, timing, saving and downloading.

use crate::layout::every_view;
use crate::lyrics::{WORDS, position, saved_lyrics, song_with};
use crate::stage_view::check_stage_view;
use karaoke_tests::wait::until_sync;

#[test]
fn lines_are_written_stamped_nudged_undone_and_saved() {
    let page = song_with(None);
    let browser = &page.browser;
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    assert_eq!(browser.focused(), "The words, a line for each line that is sung");
    browser.type_text("One and one\nTwo and two\n\nThree");
    browser.find("button", "Time the lines").click();
    browser.until("document.activeElement.role === 'listbox'");
    let says = |words: &str| {
        browser.until(&format!(
            "document.querySelector('.editor [role=status]').textContent.includes('{words}')"
        ))
    };

    browser.press("p");
    browser.find("button", "Pause");
    let stamp_after = |seconds: f64| {
        until_sync("the moment comes", || (position(&page) >= seconds).then_some(()));
        browser.press("Space");
    };
    stamp_after(1.0);
    says("Next: Two and two");
    stamp_after(2.0);
    says("Next: Three");
    browser.press("Backspace");
    says("Next: Two and two");
    browser.press("z");
    says("Undone.");
    stamp_after(3.0);
    says("That was the last line.");
    browser.press("p");
    browser.find("button", "Play");

    browser.press("Home");
    let chosen = || {
        browser.js("document.querySelector('.editor [aria-selected=true]').innerText.replace(/\\s+/g, ' ')")
    };
    let before = chosen().as_str().expect("a line").to_owned();
    browser.press("ArrowRight");
    browser.press("ArrowRight");
    assert_ne!(chosen().as_str(), Some(&before[..]), "it was moved");
    browser.press("ArrowLeft");
    says("One and one: 0:01.");
    browser.picture("editor-timing");
    browser.press("s");
    says("Saved.");
    let lyrics = saved_lyrics(&page);
    let starts: Vec<f64> =
        lyrics["lines"].as_array().expect("lines").iter().filter_map(|l| l["start_s"].as_f64()).collect();
    let texts: Vec<_> =
        lyrics["lines"].as_array().expect("lines").iter().map(|l| l["text"].clone()).collect();
    assert_eq!(texts, ["One and one", "Two and two", "Three"]);
    for (start, wanted) in starts.iter().zip([1.1, 2.0, 3.0]) {
        assert!((wanted - 0.01..wanted + 0.75).contains(start), "{starts:?}");
    }

    browser.press("ArrowRight");
    browser.press("Escape");
    says("Not saved yet.");
    browser.press("Escape");
    until_sync("the editor is closed", || {
        browser.look_for("listbox", "Lines and their times").is_none().then_some(())
    });
    assert_eq!(browser.focused(), "Write and time");
    browser.find("button", "Two and two");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_editor_downloads_an_lrc_file() {
    let page = song_with(Some(WORDS));
    let browser = &page.browser;
    browser.js("window.made = null, (() => {
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => { window.made = blob.text(); return make.call(URL, blob); };
        })(), true");
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Write and time").click();
    browser.find("button", "Download .lrc").click();
    let file = browser.until("window.made");
    assert_eq!(file, WORDS);
    let names: Vec<_> = browser.all("button").into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.trim().is_empty()), "{names:?}");
    assert_eq!(browser.all("option").len(), 2);
    every_view(&page, "editor");
    browser.find("button", "Close").click();
    browser.find("button", "Lyrics of My Song");
}

#[test]
fn lyrics_without_times_are_shown_and_can_be_timed() {
    let page = song_with(Some("La la\n\nLa li"));
    let browser = &page.browser;
    browser.find("button", "Lyrics of My Song").click();
    until_sync("the words are there", || page.card("My Song").text().contains("La li").then_some(()));
    page.until_card("My Song", "From the file, without times");
    browser.find("button", "Stage for My Song").click();
    until_sync("the stage has them", || {
        browser.look_for("dialog", "Stage: My Song")?.text().contains("La li").then_some(())
    });
    check_stage_view(&page, "plain");
    browser.press("Escape");
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    assert_eq!(browser.focused(), "The words, a line for each line that is sung");
    // Pasted LRC text is parsed.
    browser.js("document.activeElement.select(), true");
    browser.type_text("[00:01.00]La la\n[00:02.00]La lu");
    browser.find("button", "Time the lines").click();
    browser.until("document.querySelectorAll('.editor [role=option][data-timed]').length === 2");
    browser.find("button", "Close").click();
    browser.find("button", "La lu");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
