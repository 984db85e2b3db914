//! The stage view: lyrics in large type, over the page and in a second window.

use crate::layout::every_view;
use crate::lyrics::{LRC, song_with};
use crate::page::Page;
use karaoke_tests::Theme;
use karaoke_tests::wait::until_sync;
use serde_json::json;

#[test]
fn the_stage_view_shows_lyrics_handles_keys_and_keeps_the_screen_awake() {
    let page = song_with(Some(LRC));
    let browser = &page.browser;
    browser.js("window.awake = 0, navigator.wakeLock.request = async () => {
            window.awake += 1;
            return { release() { window.awake -= 1 } };
        }, true");
    browser.find("button", "Stage for My Song").click();
    let reads = |words: &str| {
        until_sync(&format!("the stage reads “{words}”"), || {
            browser.look_for("dialog", "Stage: My Song")?.text().contains(words).then_some(())
        });
    };
    for words in ["My Song", "The Band", "First line of it", "Second line", "0:12"] {
        reads(words);
    }
    browser.until("window.awake === 1");
    browser.press("Space");
    browser.find("button", "Pause");
    reads("Third line");
    browser.press("Space");
    browser.find("button", "Play");
    browser.press("ArrowDown");
    reads("Last line");
    browser.until(
        "Number(document.querySelector('.scene [role=progressbar]').getAttribute('aria-valuenow')) >= 30",
    );
    for (role, least) in [("button", 3), ("progressbar", 1), ("group", 1), ("toolbar", 1)] {
        let on_stage =
            browser.all(role).into_iter().filter(|(_, node)| node.js("!!this.closest('dialog')") == true);
        let names: Vec<_> = on_stage.map(|(name, _)| name).collect();
        assert!(names.len() >= least && names.iter().all(|name| !name.is_empty()), "{role}: {names:?}");
    }
    check_stage_view(&page, "stage");
    browser.press("Escape");
    until_sync("the stage is left", || browser.look_for("dialog", "Stage: My Song").is_none().then_some(()));
    assert_eq!(browser.focused(), "Stage for My Song");
    browser.until("window.awake === 0 && !document.fullscreenElement");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_stage_view_without_lyrics_shows_the_title() {
    let page = song_with(None);
    page.browser.find("button", "Stage for My Song").click();
    until_sync("the title is there", || {
        page.browser.look_for("dialog", "Stage: My Song")?.text().contains("My Song").then_some(())
    });
    check_stage_view(&page, "stage-cover");
    page.browser.find("button", "Leave the stage").click();
    page.browser.find("button", "Play My Song");
}

/// Checks the stage view for overflow on phone, projector and television, in both colour schemes.
pub fn check_stage_view(page: &Page, name: &str) {
    for theme in [Theme::Dark, Theme::Light] {
        page.browser.theme(theme);
        for (width, height) in [(320, 640), (390, 844), (844, 390), (1920, 1080), (3840, 2160)] {
            page.browser.view(width, height);
            page.browser.until(&format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches",
                theme.name()
            ));
            let out = page.browser.js(
                "[...document.querySelectorAll('.scene p, .scene-foot, .scene-cover')].filter((e) => {
                    const { left, right, top, bottom, width } = e.getBoundingClientRect();
                    return width && (left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1);
                }).map((e) => e.className + e.textContent)",
            );
            assert_eq!(out, json!([]), "{name} at {width} × {height}");
            page.browser.picture(&format!("{name}-{}-{width}", theme.name()));
        }
    }
    page.browser.view(1440, 900);
}

#[test]
fn a_second_window_follows_and_controls_the_song() {
    let page = song_with(Some(LRC));
    let browser = &page.browser;
    browser.js("window.second = null, (() => { const { open } = window; window.open = (...a) => (window.second = open.apply(window, a)); })(), true");
    browser.find("button", "Second screen for My Song").click();
    let second = "window.second?.document.body?.innerText ?? ''";
    for words in ["My Song", "The Band", "First line of it"] {
        browser.until(&format!("({second}).includes('{words}')"));
    }
    browser.find("button", "Play My Song").click();
    browser.until("window.second.document.querySelector('.scene-now').textContent === 'Third line'");
    let behind = browser.js(
        "(() => {
            const here = Number(document.querySelector('.scrubber').value);
            const there = Number(window.second.document.querySelector('.scene-progress').style.getPropertyValue('--done')) * 12;
            return Math.abs(here - there);
        })()",
    );
    assert!(behind.as_f64().is_some_and(|s| s < 0.6), "{behind} s apart");
    // Pause from the second window.
    browser.js(
        "window.second.document.body.dispatchEvent(new window.second.KeyboardEvent('keydown', { key: ' ', bubbles: true, cancelable: true })), true",
    );
    browser.find("button", "Play My Song");
    let attributes =
        browser.js("[window.second.document.documentElement.lang, window.second.document.title]");
    assert_eq!(attributes, json!(["en", "My Song · Karaoke"]));
    browser.js("window.second.close(), true");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_stage_window_without_a_page_shows_a_waiting_text() {
    let page = Page::quick();
    page.browser.open(&format!("{}/stage.html", page.program.url));
    page.browser.until("document.body.innerText.includes('The stage is set')");
    every_view(&page, "second-screen");
    assert_eq!(page.browser.all("main").len(), 1);
    assert_eq!(page.browser.complaints(), Vec::<String>::new());
}
