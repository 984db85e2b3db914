//! Recording: a voice over the song, its review and its downloads.

use crate::page::{Page, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::{Browser, Settings};
use std::f64::consts::TAU;
use std::path::Path;

const RATE: u32 = 44_100;
/// The frequencies of the song's tone and of the voice.
const SONG_HZ: f64 = 440.0;
const VOICE_HZ: f64 = 1800.0;

/// Flags for a fake microphone that is allowed, and that plays this file in a loop.
pub fn microphone_flags(file: Option<&Path>) -> Vec<String> {
    let mut flags =
        vec!["--use-fake-device-for-media-stream".to_owned(), "--use-fake-ui-for-media-stream".to_owned()];
    flags.extend(file.map(|file| format!("--use-file-for-fake-audio-capture={}", file.display())));
    flags
}

fn page_with_microphone(flags: &[String]) -> Page {
    let settings = Settings::default().set("models.default", "identity");
    Page::with_browser(settings, Browser::start_with(flags))
}

/// A short note each second.
fn notes(rate: u32) -> Sound {
    let samples = (0..rate * 2).flat_map(|i| {
        let t = f64::from(i) / f64::from(rate);
        let on = if t.fract() < 0.1 { (t.fract() * 10.0 * TAU / 2.0).sin() } else { 0.0 };
        [(0.5 * on * (VOICE_HZ * t * TAU).sin()) as f32; 2]
    });
    Sound { rate, samples: samples.collect() }
}

fn tone() -> Sound {
    let frame = |i: u32| [(0.3 * (f64::from(i) / f64::from(RATE) * SONG_HZ * TAU).sin()) as f32; 2];
    Sound { rate: RATE, samples: (0..RATE * 12).flat_map(frame).collect() }
}

/// The amplitude at a frequency for each millisecond, 0 to 1, of the first channel of interleaved `samples`.
fn strength(samples: &[f32], channels: usize, hz: f64) -> Vec<f64> {
    let width = (RATE / 50) as usize;
    let step = (RATE / 1000) as usize;
    let mono: Vec<f64> = samples.iter().step_by(channels).map(|s| f64::from(*s)).collect();
    mono.windows(width)
        .step_by(step)
        .map(|window| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, sample) in window.iter().enumerate() {
                let hann = 0.5 - 0.5 * (i as f64 / width as f64 * TAU).cos();
                let phase = i as f64 / f64::from(RATE) * hz * TAU;
                re += hann * sample * phase.cos();
                im += hann * sample * phase.sin();
            }
            4.0 * re.hypot(im) / width as f64
        })
        .collect()
}

/// The centres of the notes, in milliseconds.
fn peaks(strength: &[f64]) -> Vec<usize> {
    let top = strength.iter().fold(0.0, |a: f64, b| a.max(*b));
    let loud = |i: usize| strength[i] > 0.5 * top;
    let mut found = Vec::new();
    let mut at = 0;
    while at < strength.len() {
        if loud(at) {
            let end = (at..strength.len()).find(|i| !loud(*i)).unwrap_or(strength.len());
            found.push((at + end) / 2);
            at = end;
        }
        at += 1;
    }
    found
}

fn record(page: &Page, title: &str, seconds: u32) {
    let browser = &page.browser;
    browser.find("button", "Record").click();
    browser.find("button", "Stop recording");
    browser.until(&format!("document.querySelector('.recorder-clock').textContent >= '0:{seconds:02}'"));
    browser.find("button", "Stop recording").click();
    browser.find("button", "Download the mix");
    browser.find("button", &format!("Play {title}"));
}

fn slide(page: &Page, name: &str, value: i32) {
    let change = format!(
        "(this.value = {value}, ['input', 'change'].forEach((e) => this.dispatchEvent(new Event(e, {{ bubbles: true }}))), true)"
    );
    page.browser.find("slider", name).js(&change);
}

fn download(page: &Page, button: &str, file: &str) -> (Vec<f32>, usize) {
    let bytes = page.browser.download(file, || page.browser.find("button", button).click());
    let mut reader = hound::WavReader::new(std::io::Cursor::new(bytes)).expect("WAV");
    let spec = reader.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (RATE, 16));
    let samples = reader.samples::<i16>().map(|s| f32::from(s.expect("a sample")) / 32768.0).collect();
    (samples, spec.channels.into())
}

#[test]
fn a_recording_is_reviewed_and_downloaded_as_mix_and_voice() {
    let folder = tempfile::tempdir().expect("a folder");
    let singer = folder.path().join("singer.wav");
    std::fs::write(&singer, notes(48_000).wav_16()).expect("written");
    let page = page_with_microphone(&microphone_flags(Some(&singer)));
    let browser = &page.browser;
    page.upload("My Song.wav", &tone().wav_16());
    page.until_card("My Song", "Ready to sing");
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");
    browser.until("Number(document.querySelector('[role=meter]').ariaValueNow) > -20");
    record(&page, "My Song", 3);
    browser.picture("recorder-review");

    // Review: both are audible, then neither.
    browser.find("button", "Listen to the recording").click();
    browser.until("(async () => (await audioProbe.loudness(300)) > 0.15)()");
    slide(&page, "The song", 0);
    slide(&page, "Your voice", 0);
    browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    browser.look_for("button", "Pause the recording").iter().for_each(karaoke_tests::Node::click);
    browser.find("button", "Listen to the recording");
    slide(&page, "The song", 100);
    slide(&page, "Your voice", 100);

    let (mix, channels) = download(&page, "Download the mix", "My Song (my mix).wav");
    assert_eq!(channels, 2);
    let seconds = mix.len() as f64 / 2.0 / f64::from(RATE);
    assert!((3.0..9.0).contains(&seconds), "{seconds}");
    let song = strength(&mix, 2, SONG_HZ);
    let steady = song[200..song.len() - 200].iter().filter(|s| (**s - 0.3).abs() < 0.03).count();
    assert!(steady * 100 > (song.len() - 400) * 99, "the song is whole: {steady} of {} ms", song.len());
    let sung = peaks(&strength(&mix, 2, VOICE_HZ));
    assert!(sung.len() >= 3, "{sung:?}");
    assert!(sung.windows(2).all(|pair| pair[1].abs_diff(pair[0] + 1000) < 20), "{sung:?}");

    let (voice, channels) = download(&page, "Download the voice alone", "My Song (my voice).wav");
    assert_eq!((channels, voice.len()), (1, mix.len() / 2));
    let alone = strength(&voice, 1, SONG_HZ);
    assert!(alone.iter().all(|s| *s < 0.02), "no song in the voice");
    let place = peaks(&strength(&voice, 1, VOICE_HZ));
    assert!(place.iter().zip(&sung).all(|(a, b)| a.abs_diff(*b) < 4), "{place:?} and {sung:?}");

    // A shift of 200 ms moves the voice by 200 ms in the mix.
    slide(&page, "Move the voice", 200);
    let (moved, _) = download(&page, "Download the mix", "My Song (my mix).wav");
    let later = peaks(&strength(&moved, 2, VOICE_HZ));
    let wanted = |at: &usize| later.iter().any(|l| l.abs_diff(at + 200) < 3);
    assert!(sung[..sung.len() - 1].iter().all(wanted), "{sung:?} and {later:?}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_recording_keeps_the_changed_key() {
    let page = page_with_microphone(&microphone_flags(None));
    let browser = &page.browser;
    page.upload("My Song.wav", &tone().wav_16());
    page.until_card("My Song", "Ready to sing");
    for _ in 0..12 {
        browser.find("button", "Raise the key by a semitone").click();
    }
    browser.find("button", "Record yourself My Song").click();
    browser.find("checkbox", "Count me in").click();
    record(&page, "My Song", 2);
    slide(&page, "Your voice", 0);
    let (mix, _) = download(&page, "Download the mix", "My Song (my mix).wav");
    let middle = &mix[(mix.len() / 4) & !1..mix.len() * 3 / 4];
    let mean = |hz| {
        let strength = strength(middle, 2, hz);
        strength.iter().sum::<f64>() / strength.len() as f64
    };
    let (low, high) = (mean(SONG_HZ), mean(2.0 * SONG_HZ));
    assert!(high > 0.2 && low < 0.02, "{low} at the song's pitch, {high} an octave above");
}

/// Simulates the acoustic path: the output of the page reaches the microphone 200 ms later.
const LOOPBACK: &str = "(() => {
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (target, ...more) {
        if (target instanceof AudioDestinationNode && this.context instanceof AudioContext && !this.context.loopback) {
            const air = new DelayNode(this.context, { delayTime: 0.2 });
            const ear = this.context.loopback = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
            connect.call(connect.call(this, air), ear);
            window.loopback = ear.stream;
        }
        return connect.call(this, target, ...more);
    };
    navigator.mediaDevices.getUserMedia = async () => loopback.clone();
    return true;
})()";

/// The lag of `voice` behind `song` in milliseconds, by cross-correlation.
fn lag_ms(song: &[f32], voice: &[f32]) -> f64 {
    const COARSE: usize = 8;
    let coarse = |samples: &[f32]| -> Vec<f32> {
        samples.chunks_exact(COARSE).map(|c| c.iter().sum::<f32>() / COARSE as f32).collect()
    };
    let (song, voice) = (coarse(song), coarse(voice));
    let reach = (RATE as usize / COARSE * 3 / 10) as i64;
    let middle = reach as usize..song.len().min(voice.len()) - reach as usize;
    let correlation =
        |lag: i64| -> f32 { middle.clone().map(|i| song[i] * voice[(i as i64 + lag) as usize]).sum() };
    let best = (-reach..=reach).max_by(|a, b| correlation(*a).total_cmp(&correlation(*b))).expect("a lag");
    best as f64 * COARSE as f64 * 1000.0 / f64::from(RATE)
}

#[test]
fn the_measured_delay_aligns_the_voice_in_the_mix() {
    let page = page_with_microphone(&microphone_flags(None));
    let browser = &page.browser;
    browser.js(LOOPBACK);
    let song = Sound { rate: RATE, samples: [short_song().samples, short_song().samples].concat() };
    page.upload("My Song.wav", &song.wav_16());
    page.until_card("My Song", "Ready to sing");
    browser.find("button", "Play My Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    browser.find("button", "Pause My Song").click();
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");

    // The browser does not report the 200 ms of the loopback.
    let reported = delay_ms(&page);
    let before = lag_of_a_take(&page, "My Song", 3);
    browser.find("button", "Measure the delay").click();
    browser.until("document.body.innerText.includes('Measured: your voice comes in')");
    let measured = delay_ms(&page);
    assert!((200.0..330.0).contains(&measured), "{measured}");
    let after = lag_of_a_take(&page, "My Song", 3);
    assert!(after.abs() < 20.0, "{after} ms are left of {before}");
    assert!(
        (before - after - (measured - reported)).abs() < 20.0,
        "{before} to {after}, {reported} to {measured}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The delay that the recorder shows.
fn delay_ms(page: &Page) -> f64 {
    let words = page.browser.js("document.querySelector('.recorder-delay').textContent");
    let number = words.as_str().and_then(|w| w.split(' ').nth(1)).and_then(|n| n.parse().ok());
    number.unwrap_or_else(|| panic!("no delay in {words}"))
}

fn lag_of_a_take(page: &Page, title: &str, seconds: u32) -> f64 {
    if page.browser.look_for("button", "Record").is_none() {
        page.browser.find("button", "Record again").click();
        page.browser.find("button", "Stop recording").click();
        page.browser.find("button", "Record");
    }
    record(page, title, seconds);
    slide(page, "Your voice", 0);
    let (song, _) = download(page, "Download the mix", &format!("{title} (my mix).wav"));
    let (voice, _) = download(page, "Download the voice alone", &format!("{title} (my voice).wav"));
    let song: Vec<f32> = song.into_iter().step_by(2).collect();
    lag_ms(&song, &voice)
}

#[test]
fn a_denied_microphone_shows_what_to_do() {
    let page = page_with_microphone(&["--use-fake-device-for-media-stream".to_owned()]);
    let browser = &page.browser;
    browser.deny("microphone");
    page.upload("My Song.wav", &tone().wav_16());
    page.until_card("My Song", "Ready to sing");
    browser.find("button", "Record yourself My Song").click();
    browser.until(
        "document.querySelector('.recorder-note').textContent.includes('allow it for this page in the browser')",
    );
    browser.until(
        "document.querySelector('[role=status]').textContent.includes('The microphone is not allowed')",
    );
}

#[test]
fn the_recorder_works_with_the_keyboard_and_releases_the_microphone() {
    let page = page_with_microphone(&microphone_flags(None));
    let browser = &page.browser;
    browser.js("(() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            window.given = [];
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                window.wanted = wanted.audio;
                const stream = await ask(wanted);
                given.push(...stream.getTracks());
                return stream;
            };
        })()");
    page.upload("My Song.wav", &tone().wav_16());
    page.until_card("My Song", "Ready to sing");
    let open = browser.find("button", "Record yourself My Song");
    open.js("this.focus()");
    browser.press("Enter");
    browser.until("document.body.innerText.includes('Ready when you are')");
    let raw = browser.js("[wanted.echoCancellation, wanted.noiseSuppression, wanted.autoGainControl]");
    assert_eq!(raw, serde_json::json!([false, false, false]));
    assert_eq!(browser.find("checkbox", "Hear myself").js("this.checked"), false);
    browser.find("checkbox", "Count me in").click();
    browser.find("button", "Record").js("this.focus()");
    browser.press("Space");
    browser.until("document.body.innerText.includes('On air')");
    assert_eq!(browser.focused(), "Stop recording");
    let moving = "document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime > 10).length";
    browser.until(&format!("{moving} > 0"));
    browser.still();
    browser.until(&format!("{moving} === 0"));
    browser.press("Space");
    browser.find("button", "Download the mix");
    browser.until("given.length > 0 && given.every((track) => track.readyState === 'ended')");
    open.click();
    browser.until("!document.body.innerText.includes('Download the mix')");
    assert_eq!(open.js("this.ariaExpanded"), "false");
}
