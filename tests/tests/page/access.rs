//! The page for those who do not point, and for those who do not see.

use crate::stage::{Stage, short_song};

#[test]
fn everything_can_be_done_with_the_keyboard() {
    let stage = Stage::quick();
    let browser = &stage.browser;
    let path = stage.file("My Song.wav", &short_song().wav_16());
    tab_to(&stage, "Choose songs");
    browser.choose_files(&[&path], || browser.press("Enter"));
    stage.until_card("My Song", "Ready to sing");

    tab_to(&stage, "Play My Song");
    browser.press("Space");
    browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    browser.press("ArrowRight");
    browser.until("audioProbe.playing[0]?.currentTime > 5");
    browser.press("Space");
    browser.until("audioProbe.playing.length === 0");
    assert_eq!(browser.focused(), "Play My Song");

    tab_to(&stage, &stage.lamps()[0]);
    browser.press("ArrowRight");
    assert_eq!(browser.focused(), stage.lamps()[1]);
    browser.press("Enter");
    tab_to(&stage, "Position in the song");
    browser.until("document.activeElement.ariaValueText === '8 seconds of 12 seconds'");
    browser.press("Home");
    browser.until("document.activeElement.ariaValueText === '0 seconds of 12 seconds'");

    tab_to(&stage, "Raise the key by a semitone");
    tab_to(&stage, "Vocals level");
    browser.press("ArrowRight");
    browser.until("document.activeElement.ariaValueText === '1 %'");
    tab_to(&stage, "Download Vocals as MP3");
}

/// Presses Tab until the focus is there.
fn tab_to(stage: &Stage, name: &str) {
    let way: Vec<String> = std::iter::repeat_with(|| {
        stage.browser.press("Tab");
        stage.browser.focused()
    })
    .take(40)
    .take_while(|focused| focused != name)
    .collect();
    assert!(way.len() < 40, "Tab never came to “{name}”: {way:?}");
}

#[test]
fn everything_has_a_name_and_its_place() {
    let stage = Stage::quick();
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.hand_in("broken.wav", b"this is not a song");
    stage.until_card("My Song", "Ready to sing");
    stage.until_card("broken", "Did not work");
    for role in ["button", "link", "slider", "combobox", "progressbar", "article", "heading", "region"] {
        let names: Vec<String> = stage.browser.all(role).into_iter().map(|(name, _)| name).collect();
        assert!(!names.is_empty() && names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
    }
    for landmark in ["banner", "main", "status"] {
        assert_eq!(stage.browser.all(landmark).len(), 1, "{landmark}");
    }
    let faults = stage.browser.js(
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
