//! What the eye sees at every width and in either light, and what nobody should: jumps, errors, other hosts.

use crate::stage::{Stage, short_song};
use karaoke_tests::Theme;
use karaoke_tests::sound::Sound;

const WINDOWS: [(u32, u32); 4] = [(320, 640), (390, 844), (820, 1180), (1440, 900)];
const LONG_NAME: &str = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";

#[test]
fn nothing_overflows_at_any_width_in_either_light() {
    let stage = Stage::quick();
    every_view(&stage, "empty");
    let wav = Sound { rate: 44_100, samples: short_song().samples[..44_100 * 4].to_vec() }.wav_16();
    stage.hand_in("My Song.wav", &wav);
    stage.hand_in(&format!("{LONG_NAME}.wav"), &wav);
    stage.hand_in("broken.wav", b"this is not a song");
    stage.hand_in("notes.txt", b"this is not a song");
    stage.until_card("My Song", "Ready to sing");
    stage.until_card(LONG_NAME, "Ready to sing");
    stage.until_card("broken", "Did not work");
    every_view(&stage, "songs");
}

/// Looks at the page at every width in either light.
pub fn every_view(stage: &Stage, name: &str) {
    for theme in [Theme::Dark, Theme::Light] {
        stage.browser.theme(theme);
        for (width, height) in WINDOWS {
            stage.browser.view(width, height);
            stage.browser.until(&format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches",
                theme.name()
            ));
            let widest = stage.browser.js("document.documentElement.scrollWidth").as_u64();
            assert!(widest <= Some(width.into()), "{name} at {width}: {widest:?} wide");
            stage.browser.picture(&format!("{name}-{}-{width}", theme.name()));
        }
    }
}

#[test]
fn nothing_jumps_complains_or_asks_other_hosts() {
    let stage = Stage::quick();
    let shifts = || stage.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts() < 0.01, "the page jumped while it was loaded: {}", shifts());
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.card("My Song");
    stage.browser.js("audioProbe.shifts = 0");
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Play My Song").click();
    stage.browser.until("audioProbe.playing[0]?.currentTime > 0.1");
    assert!(shifts() < 0.01, "the card jumped while it was filled: {}", shifts());

    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
    let requests = stage.browser.requests();
    // What the page has made itself is fetched from nobody.
    let own = |url: &str| url.strip_prefix("blob:").unwrap_or(url).starts_with(&stage.program.url);
    let strangers: Vec<_> = requests.iter().filter(|url| !own(url)).collect();
    assert!(requests.len() > 10 && strangers.is_empty(), "{strangers:?}");
}
