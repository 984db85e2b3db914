//! The mixer: faders, mute and solo, key and tempo, loops, and how exactly the stems stay together.

use crate::stage::{Stage, short_song};
use serde_json::Value;

/// Plays My Song with the faders as they are.
fn playing(stage: &Stage) {
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Play My Song").click();
    stage.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
}

fn loudness(stage: &Stage) -> f64 {
    stage.browser.js("audioProbe.loudness(300)").as_f64().expect("a level")
}

/// Moves a fader to a place on its scale.
fn slide(stage: &Stage, name: &str, value: u32) {
    let fader = stage.browser.find("slider", name);
    fader.js(&format!(
        "(this.value = {value}, this.dispatchEvent(new Event('input', {{ bubbles: true }})), true)"
    ));
}

#[test]
fn faders_mute_and_solo_do_what_they_say() {
    let stage = Stage::quick();
    playing(&stage);
    let full = loudness(&stage);
    assert!(full > 0.02, "{full}");
    slide(&stage, "Instrumental level", 50);
    stage
        .browser
        .until(&format!("(async () => Math.abs((await audioProbe.loudness(300)) / {full} - 0.5) < 0.2)()"));
    slide(&stage, "Instrumental level", 100);
    stage.browser.find("button", "Solo Vocals").click();
    stage.browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    stage.browser.find("button", "Solo Vocals").click();
    stage.browser.until("(async () => (await audioProbe.loudness(100)) > 0.01)()");
    stage.browser.find("button", "Mute Instrumental").click();
    stage.browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    stage.browser.picture("mixing");
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
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

/// The pitch of what is heard, Hz: from the zero crossings of half a second.
fn pitch(stage: &Stage) -> f64 {
    let heard = stage.browser.js("(async () => {
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
    heard.as_f64().unwrap_or(0.0)
}

/// How fast the song goes: seconds of it in a second of the browser's own clock.
fn speed(stage: &Stage) -> f64 {
    let clocks = stage.browser.js("(async () => {
            const now = () => [performance.now() / 1000, audioProbe.playing[0]?.currentTime ?? NaN];
            const [t0, s0] = now();
            await new Promise((resolve) => setTimeout(resolve, 2000));
            const [t1, s1] = now();
            return (s1 - s0) / (t1 - t0);
        })()");
    clocks.as_f64().unwrap_or(f64::NAN)
}

#[test]
fn twelve_semitones_double_the_pitch_and_tempo_keeps_it() {
    let stage = Stage::quick();
    stage.hand_in("My Song.wav", &tone().wav_16());
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Play My Song").click();
    stage.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    let as_it_is = pitch(&stage);
    assert!((as_it_is - 440.0).abs() < 2.0, "{as_it_is}");
    for _ in 0..12 {
        stage.browser.find("button", "Raise the key by a semitone").click();
    }
    // What was in the stretcher before the change is heard first.
    let raised = crate::stage::until_number("the pitch is doubled", || pitch(&stage), 880.0, 5.0);
    assert!((raised - 880.0).abs() < 5.0);
    stage
        .browser
        .find("slider", "Position in the song")
        .js("(this.value = 0, this.dispatchEvent(new Event('change')), true)");
    stage.browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    let speed_before = speed(&stage);
    assert!((speed_before - 1.0).abs() < 0.1, "{speed_before}");
    for _ in 0..12 {
        stage.browser.find("button", "Lower the key by a semitone").click();
    }
    slide(&stage, "Tempo", 50);
    crate::stage::until_number("the pitch is kept", || pitch(&stage), 440.0, 3.0);
    let slow = speed(&stage);
    assert!((slow - 0.5).abs() < 0.06, "{slow}");
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_loop_goes_round() {
    let stage = Stage::quick();
    playing(&stage);
    let browser = &stage.browser;
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
    assert!(seen.windows(2).filter(|w| w[1] < w[0] - 0.3).count() >= 1, "it went round: {seen:?}");
}

/// What is heard, left and right side by side.
fn heard(stage: &Stage, seconds: u32) -> Vec<[f32; 2]> {
    let heard = stage.browser.js(&format!("audioProbe.exact({seconds})"));
    let full = |sample: &Value| sample.as_f64().unwrap_or(f64::NAN) as f32 / 32_768.0;
    let samples: Vec<f32> = heard.as_array().expect("samples").iter().map(full).collect();
    samples.as_chunks::<2>().0.to_vec()
}

/// Where in the song what is heard lies, if no sample of it is further off than `within`.
fn place(heard: &[[f32; 2]], song: &[[f32; 2]], within: f32) -> Option<std::ops::Range<usize>> {
    let is_alike = |(a, b): (&[f32; 2], &[f32; 2])| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= within);
    (0..song.len().saturating_sub(heard.len()))
        .find(|at| heard.iter().zip(&song[*at..]).all(is_alike))
        .map(|at| at..at + heard.len())
}

#[test]
fn stems_stay_together_to_the_sample_and_nothing_is_missing_where_blocks_meet() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let stage = Stage::with(karaoke_tests::Settings::default().models(&models).set("models.default", "six"));
    let file = short_song().wav_16();
    let song = karaoke_tests::sound::Sound::from_wav(&file);
    stage.hand_in("My Song.wav", &file);
    stage.until_card("My Song", "Ready to sing");
    let browser = &stage.browser;
    // Six stems, each a fraction of the song: only all together, and all at the same sample, they are the song.
    slide(&stage, "Vocals level", 100);
    browser.find("button", "Play My Song").click();
    let scrubber = browser.find("slider", "Position in the song");
    for jump in 0..10 {
        let to = f64::from(jump * 7 % 9) + 0.123_456 * f64::from(jump);
        scrubber.js(&format!("(this.value = {to}, this.dispatchEvent(new Event('change')), true)"));
        browser.until(&format!("Math.abs((audioProbe.playing[0]?.currentTime ?? -9) - {to}) < 0.8"));
    }
    scrubber.js("(this.value = 3, this.dispatchEvent(new Event('change')), true)");
    browser.until("audioProbe.playing[0]?.currentTime > 3.2");
    let heard = heard(&stage, 5);
    assert!(heard.len() > 4 * 44_100);
    // Each of six stems is rounded to 16 bits.
    let at = place(&heard, song.samples.as_chunks::<2>().0, 4.0 / 32_768.0);
    let at = at.expect("it is the song, sample by sample");
    assert!((3 * 44_100..9 * 44_100 / 2).contains(&at.start), "{at:?}");
    let blocks = at.end / 88_200 - at.start / 88_200;
    assert!(blocks >= 2, "blocks meet in {at:?}");
}
