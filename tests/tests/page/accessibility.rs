//! Keyboard use, and accessible names and landmarks.

use crate::page::{Page, short_song};

#[test]
fn a_song_is_uploaded_played_and_mixed_with_the_keyboard() {
    let page = Page::quick();
    let browser = &page.browser;
    let path = page.file("My Song.wav", &short_song().wav_16());
    tab_to(&page, "Choose songs");
    browser.choose_files(&[&path], || browser.press("Enter"));
    page.until_card("My Song", "Ready to sing");

    tab_to(&page, "Play My Song");
    browser.press("Space");
    browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    browser.press("ArrowRight");
    browser.until("audioProbe.playing[0]?.currentTime > 5");
    browser.press("Space");
    browser.until("audioProbe.playing.length === 0");
    assert_eq!(browser.focused(), "Play My Song");

    tab_to(&page, &page.chunk_cells()[0]);
    browser.press("ArrowRight");
    assert_eq!(browser.focused(), page.chunk_cells()[1]);
    browser.press("Enter");
    tab_to(&page, "Position in the song");
    browser.until("document.activeElement.ariaValueText === '8 seconds of 12 seconds'");
    browser.press("Home");
    browser.until("document.activeElement.ariaValueText === '0 seconds of 12 seconds'");

    tab_to(&page, "Raise the key by a semitone");
    tab_to(&page, "Vocals level");
    browser.press("ArrowRight");
    browser.until("document.activeElement.ariaValueText === '1 %'");
    tab_to(&page, "Download Vocals as MP3");
}

/// Presses Tab until the focus is there.
fn tab_to(page: &Page, name: &str) {
    let focused: Vec<String> = std::iter::repeat_with(|| {
        page.browser.press("Tab");
        page.browser.focused()
    })
    .take(40)
    .take_while(|focused| focused != name)
    .collect();
    assert!(focused.len() < 40, "Tab never reached “{name}”: {focused:?}");
}

#[test]
fn every_control_has_a_name_and_landmarks_are_unique() {
    let page = Page::quick();
    page.upload("My Song.wav", &short_song().wav_16());
    page.upload("broken.wav", b"this is not a song");
    page.until_card("My Song", "Ready to sing");
    page.until_card("broken", "Did not work");
    for role in ["button", "link", "slider", "combobox", "progressbar", "article", "heading", "region"] {
        let names: Vec<String> = page.browser.all(role).into_iter().map(|(name, _)| name).collect();
        assert!(!names.is_empty() && names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
    }
    for landmark in ["banner", "main", "status"] {
        assert_eq!(page.browser.all(landmark).len(), 1, "{landmark}");
    }
    let faults = page.browser.js(
        "[
            document.documentElement.lang !== 'en' && 'no language',
            document.querySelectorAll('h1').length !== 1 && 'not one h1',
            document.querySelector('[tabindex]:not([tabindex=\"0\"], [tabindex=\"-1\"])') && 'a tab order of its own',
            document.querySelector('img:not([alt])') && 'an image without alt',
            document.querySelector('svg:not([aria-hidden], symbol *)') && 'a drawing that is read out',
            new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size
                !== document.querySelectorAll('[id]').length && 'an id twice',
            [...document.querySelectorAll('[aria-labelledby], [aria-describedby]')].some((e) =>
                ['aria-labelledby', 'aria-describedby'].some((a) =>
                    e.getAttribute(a)?.split(' ').some((id) => !document.getElementById(id)))) && 'a label that is not there',
        ].filter(Boolean)",
    );
    assert_eq!(faults, serde_json::json!([]));
}
