//! The layout at every width and in both colour schemes: no overflow, no shifts, no errors, no other hosts.

use crate::overflow::assert_nothing_overflows;
use crate::page::{Page, short_song};
use karaoke_tests::Theme;
use karaoke_tests::sound::Sound;

const WINDOWS: [(u32, u32); 4] = [(320, 640), (390, 844), (820, 1180), (1440, 900)];
const LONG_NAME: &str = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";

#[test]
fn nothing_overflows_at_any_width_in_both_colour_schemes() {
    let page = Page::quick();
    every_view(&page, "empty");
    let wav = Sound { rate: 44_100, samples: short_song().samples[..44_100 * 4].to_vec() }.wav_16();
    page.upload("My Song.wav", &wav);
    page.upload(&format!("{LONG_NAME}.wav"), &wav);
    page.upload("broken.wav", b"this is not a song");
    page.upload("notes.txt", b"this is not a song");
    page.until_card("My Song", "Ready to sing");
    page.until_card(LONG_NAME, "Ready to sing");
    page.until_card("broken", "Did not work");
    every_view(&page, "songs");
}

/// Checks for overflow and takes a screenshot at every width in both colour schemes.
pub fn every_view(page: &Page, name: &str) {
    for theme in [Theme::Dark, Theme::Light] {
        page.browser.theme(theme);
        for (width, height) in WINDOWS {
            page.browser.view(width, height);
            page.browser.until(&format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches",
                theme.name()
            ));
            let widest = page.browser.js("document.documentElement.scrollWidth").as_u64();
            assert!(widest <= Some(width.into()), "{name} at {width}: {widest:?} wide");
            if theme == Theme::Dark {
                assert_nothing_overflows(&page.browser, name, width);
            }
            page.browser.picture(&format!("{name}-{}-{width}", theme.name()));
        }
    }
}

#[test]
fn no_layout_shifts_no_errors_and_no_other_hosts() {
    let page = Page::quick();
    let shifts = || page.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts() < 0.01, "the page jumped while it was loaded: {}", shifts());
    page.upload("My Song.wav", &short_song().wav_16());
    page.card("My Song");
    page.browser.js("audioProbe.shifts = 0");
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Play My Song").click();
    page.browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    assert!(shifts() < 0.01, "the card jumped while it was filled: {}", shifts());

    assert_eq!(page.browser.complaints(), Vec::<String>::new());
    let requests = page.browser.requests();
    // Blob URLs are made by the page itself.
    let own = |url: &str| url.strip_prefix("blob:").unwrap_or(url).starts_with(&page.program.url);
    let others: Vec<_> = requests.iter().filter(|url| !own(url)).collect();
    assert!(requests.len() > 10 && others.is_empty(), "{others:?}");
}
