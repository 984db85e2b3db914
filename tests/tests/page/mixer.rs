//! The mixer: faders, mute, solo, key, tempo, loops, and the synchronisation of stems to the sample.

use crate::page::{Page, short_song};
use serde_json::Value;

/// Uploads and plays My Song.
fn play_my_song(page: &Page) {
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Play My Song").click();
    page.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
}

fn loudness(page: &Page) -> f64 {
    page.browser.js("audioProbe.loudness(300)").as_f64().expect("a level")
}

/// Moves a fader to a place on its scale.
fn slide(page: &Page, name: &str, value: u32) {
    let fader = page.browser.find("slider", name);
    fader.js(&format!(
        "(this.value = {value}, this.dispatchEvent(new Event('input', {{ bubbles: true }})), true)"
    ));
}

#[test]
fn faders_mute_and_solo_change_the_level() {
    let page = Page::quick();
    play_my_song(&page);
    let full = loudness(&page);
    assert!(full > 0.02, "{full}");
    slide(&page, "Instrumental level", 50);
    page.browser
        .until(&format!("(async () => Math.abs((await audioProbe.loudness(300)) / {full} - 0.5) < 0.2)()"));
    slide(&page, "Instrumental level", 100);
    page.browser.find("button", "Solo Vocals").click();
    page.browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    page.browser.find("button", "Solo Vocals").click();
    page.browser.until("(async () => (await audioProbe.loudness(100)) > 0.01)()");
    page.browser.find("button", "Mute Instrumental").click();
    page.browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    page.browser.picture("mixing");
    assert_eq!(page.browser.complaints(), Vec::<String>::new());
}

/// A tone of 440 Hz.
fn tone() -> karaoke_tests::sound::Sound {
    let mut sound = short_song();
    let rate = f64::from(sound.rate);
    for (index, frame) in sound.samples.chunks_exact_mut(2).enumerate() {
        let sample = (0.3 * (index as f64 / rate * 440.0 * std::f64::consts::TAU).sin()) as f32;
        frame.fill(sample);
    }
    sound
}

/// The pitch of the output in Hz, from the zero crossings of half a second.
fn pitch(page: &Page) -> f64 {
    let played = page.browser.js("(async () => {
            const { rate, left } = await audioProbe.record(500);
            let [crossings, first, last] = [0, null, null];
            for (let i = 1; i < left.length; i += 1)
                if (left[i - 1] < 0 && left[i] >= 0) {
                    first ??= i;
                    last = i;
                    crossings += 1;
                }
            return crossings > 1 ? ((crossings - 1) * rate) / (last - first) : 0;
        })()");
    played.as_f64().unwrap_or(0.0)
}

/// Seconds of the song per second of the browser's clock.
fn speed(page: &Page) -> f64 {
    let clocks = page.browser.js("(async () => {
            const now = () => [performance.now() / 1000, audioProbe.playing[0]?.currentTime ?? NaN];
            const [t0, s0] = now();
            await new Promise((resolve) => setTimeout(resolve, 2000));
            const [t1, s1] = now();
            return (s1 - s0) / (t1 - t0);
        })()");
    clocks.as_f64().unwrap_or(f64::NAN)
}

#[test]
fn twelve_semitones_double_the_pitch_and_tempo_does_not_change_it() {
    let page = Page::quick();
    page.upload("My Song.wav", &tone().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Play My Song").click();
    page.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    let as_it_is = pitch(&page);
    assert!((as_it_is - 440.0).abs() < 2.0, "{as_it_is}");
    for _ in 0..12 {
        page.browser.find("button", "Raise the key by a semitone").click();
    }
    // The stretcher still outputs what it held before the change.
    let raised = crate::page::until_number("the pitch is doubled", || pitch(&page), 880.0, 5.0);
    assert!((raised - 880.0).abs() < 5.0);
    page.browser
        .find("slider", "Position in the song")
        .js("(this.value = 0, this.dispatchEvent(new Event('change')), true)");
    page.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    let speed_before = speed(&page);
    assert!((speed_before - 1.0).abs() < 0.1, "{speed_before}");
    for _ in 0..12 {
        page.browser.find("button", "Lower the key by a semitone").click();
    }
    slide(&page, "Tempo", 50);
    crate::page::until_number("the pitch is kept", || pitch(&page), 440.0, 3.0);
    let slow = speed(&page);
    assert!((slow - 0.5).abs() < 0.06, "{slow}");
    assert_eq!(page.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_loop_repeats() {
    let page = Page::quick();
    play_my_song(&page);
    let browser = &page.browser;
    browser.find("button", "Loop from here").click();
    let to_here = browser.until(
        "[...document.querySelectorAll('button')].map((b) => b.textContent).find((t) => /^Loop .* to here$/.test(t))",
    );
    let begun = browser.js("audioProbe.playing[0].currentTime").as_f64().expect("a time");
    browser.until(&format!("audioProbe.playing[0]?.currentTime > {begun} + 1"));
    browser.find("button", to_here.as_str().expect("a name")).click();
    browser.until("document.querySelector('.loop').getAttribute('aria-pressed') === 'true'");
    let end = browser.js(
        "document.querySelector('.looped').style.getPropertyValue('--to') * document.querySelector('.scrubber').max",
    );
    let end = end.as_f64().expect("a time");
    let turned = "(async () => {
        const seen = [];
        for (let i = 0; i < 100; i += 1) {
            seen.push(audioProbe.playing[0]?.currentTime ?? NaN);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return seen;
    })()";
    let seen: Vec<f64> =
        browser.js(turned).as_array().expect("times").iter().filter_map(Value::as_f64).collect();
    assert!(seen.iter().all(|t| *t < end + 0.2), "{end}: {seen:?}");
    assert!(seen.windows(2).filter(|w| w[1] < w[0] - 0.3).count() >= 1, "the loop repeated: {seen:?}");
}

/// The output as frames of left and right.
fn output(page: &Page, seconds: u32) -> Vec<[f32; 2]> {
    let played = page.browser.js(&format!("audioProbe.exact({seconds})"));
    let full = |sample: &Value| sample.as_f64().unwrap_or(f64::NAN) as f32 / 32_768.0;
    let samples: Vec<f32> = played.as_array().expect("samples").iter().map(full).collect();
    samples.as_chunks::<2>().0.to_vec()
}

/// The range of the song that equals `heard`, if no sample differs by more than `within`.
fn find_in(played: &[[f32; 2]], song: &[[f32; 2]], within: f32) -> Option<std::ops::Range<usize>> {
    let is_alike = |(a, b): (&[f32; 2], &[f32; 2])| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= within);
    (0..song.len().saturating_sub(played.len()))
        .find(|at| played.iter().zip(&song[*at..]).all(is_alike))
        .map(|at| at..at + played.len())
}

/// What was heard where the song was to be: from where in the song on it is alike, and for how long.
fn difference(played: &[[f32; 2]], song: &[[f32; 2]], within: f32) -> String {
    let is_alike = |(a, b): &(&[f32; 2], &[f32; 2])| a.iter().zip(*b).all(|(a, b)| (a - b).abs() <= within);
    let alike = |at: usize| played.iter().zip(&song[at..]).take_while(is_alike).count();
    let longest = (0..song.len()).map(|at| (alike(at), at)).max().unwrap_or_default();
    let silent = played.iter().filter(|frame| **frame == [0.0; 2]).count();
    let (heard, all) = (played.len(), song.len());
    let (frames, at) = longest;
    format!("of {heard} frames the first {frames} are those from {at} on (of {all}), {silent} are silent")
}

#[test]
fn stems_stay_in_sync_to_the_sample_and_blocks_join_without_gaps() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let page = Page::with(karaoke_tests::Settings::default().models(&models).set("models.default", "six"));
    let file = short_song().wav_16();
    let song = karaoke_tests::sound::Sound::from_wav(&file);
    page.upload("My Song.wav", &file);
    page.until_card("My Song", "Ready to sing");
    let browser = &page.browser;
    // Six stems, each a fraction of the song: only all together, and all at the same sample, they are the song.
    slide(&page, "Vocals level", 100);
    browser.find("button", "Play My Song").click();
    let scrubber = browser.find("slider", "Position in the song");
    for jump in 0..10 {
        let to = f64::from(jump * 7 % 9) + 0.123_456 * f64::from(jump);
        scrubber.js(&format!("(this.value = {to}, this.dispatchEvent(new Event('change')), true)"));
        browser.until(&format!("Math.abs((audioProbe.playing[0]?.currentTime ?? -9) - {to}) < 0.8"));
    }
    scrubber.js("(this.value = 3, this.dispatchEvent(new Event('change')), true)");
    browser.until("audioProbe.playing[0]?.currentTime > 3.2");
    let played = output(&page, 5);
    assert!(played.len() > 4 * 44_100);
    // Each of six stems is rounded to 16 bits.
    let at = find_in(&played, song.samples.as_chunks::<2>().0, 4.0 / 32_768.0);
    let at = at.unwrap_or_else(|| {
        let frames = song.samples.as_chunks::<2>().0;
        panic!("it is not the song, sample by sample: {}", difference(&played, frames, 4.0 / 32_768.0))
    });
    assert!((3 * 44_100..9 * 44_100 / 2).contains(&at.start), "{at:?}");
    let blocks = at.end / 88_200 - at.start / 88_200;
    assert!(blocks >= 2, "blocks meet in {at:?}");
}
