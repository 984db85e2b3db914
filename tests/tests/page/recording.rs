//! The recorder: a voice over the song, brought together again, and taken home.

use crate::stage::{Stage, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::{Browser, Settings};
use std::f64::consts::TAU;
use std::path::Path;

const RATE: u32 = 44_100;
/// The song's tone and the singer's.
const SONG_HZ: f64 = 440.0;
const VOICE_HZ: f64 = 1800.0;

/// Chromium with a microphone of its own that is allowed, and hears this file over and over.
pub fn microphone_flags(file: Option<&Path>) -> Vec<String> {
    let mut flags =
        vec!["--use-fake-device-for-media-stream".to_owned(), "--use-fake-ui-for-media-stream".to_owned()];
    flags.extend(file.map(|file| format!("--use-file-for-fake-audio-capture={}", file.display())));
    flags
}

fn quick_stage(flags: &[String]) -> Stage {
    let settings = Settings::default().set("models.default", "identity");
    Stage::with_browser(settings, Browser::start_with(flags))
}

/// A singer who sings a short note each second.
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

/// How much of a pitch there is, each millisecond, 0 to 1: one channel of interleaved `samples`.
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

/// Where notes are at their loudest, in milliseconds.
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

fn record(stage: &Stage, title: &str, seconds: u32) {
    let browser = &stage.browser;
    browser.find("button", "Record").click();
    browser.find("button", "Stop recording");
    browser.until(&format!("document.querySelector('.recorder-clock').textContent >= '0:{seconds:02}'"));
    browser.find("button", "Stop recording").click();
    browser.find("button", "Download the mix");
    browser.find("button", &format!("Play {title}"));
}

fn slide(stage: &Stage, name: &str, value: i32) {
    let change = format!(
        "(this.value = {value}, ['input', 'change'].forEach((e) => this.dispatchEvent(new Event(e, {{ bubbles: true }}))), true)"
    );
    stage.browser.find("slider", name).js(&change);
}

fn download(stage: &Stage, button: &str, file: &str) -> (Vec<f32>, usize) {
    let bytes = stage.browser.download(file, || stage.browser.find("button", button).click());
    let mut reader = hound::WavReader::new(std::io::Cursor::new(bytes)).expect("WAV");
    let spec = reader.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (RATE, 16));
    let samples = reader.samples::<i16>().map(|s| f32::from(s.expect("a sample")) / 32768.0).collect();
    (samples, spec.channels.into())
}

#[test]
fn one_records_oneself_listens_back_and_takes_the_mix_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let singer = folder.path().join("singer.wav");
    std::fs::write(&singer, notes(48_000).wav_16()).expect("written");
    let stage = quick_stage(&microphone_flags(Some(&singer)));
    let browser = &stage.browser;
    stage.hand_in("My Song.wav", &tone().wav_16());
    stage.until_card("My Song", "Ready to sing");
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");
    browser.until("Number(document.querySelector('[role=meter]').ariaValueNow) > -20");
    record(&stage, "My Song", 3);
    browser.picture("recorder-review");

    // Listening back: both are heard, then the song alone, then nothing.
    browser.find("button", "Listen to the recording").click();
    browser.until("(async () => (await audioProbe.loudness(300)) > 0.15)()");
    slide(&stage, "The song", 0);
    slide(&stage, "Your voice", 0);
    browser.until("(async () => (await audioProbe.loudness(100)) < 1e-4)()");
    browser.look_for("button", "Pause the recording").iter().for_each(karaoke_tests::Node::click);
    browser.find("button", "Listen to the recording");
    slide(&stage, "The song", 100);
    slide(&stage, "Your voice", 100);

    let (mix, channels) = download(&stage, "Download the mix", "My Song (my mix).wav");
    assert_eq!(channels, 2);
    let seconds = mix.len() as f64 / 2.0 / f64::from(RATE);
    assert!((3.0..9.0).contains(&seconds), "{seconds}");
    let song = strength(&mix, 2, SONG_HZ);
    let steady = song[200..song.len() - 200].iter().filter(|s| (**s - 0.3).abs() < 0.03).count();
    assert!(steady * 100 > (song.len() - 400) * 99, "the song is whole: {steady} of {} ms", song.len());
    let sung = peaks(&strength(&mix, 2, VOICE_HZ));
    assert!(sung.len() >= 3, "{sung:?}");
    assert!(sung.windows(2).all(|pair| pair[1].abs_diff(pair[0] + 1000) < 20), "{sung:?}");

    let (voice, channels) = download(&stage, "Download the voice alone", "My Song (my voice).wav");
    assert_eq!((channels, voice.len()), (1, mix.len() / 2));
    let alone = strength(&voice, 1, SONG_HZ);
    assert!(alone.iter().all(|s| *s < 0.02), "no song in the voice");
    let place = peaks(&strength(&voice, 1, VOICE_HZ));
    assert!(place.iter().zip(&sung).all(|(a, b)| a.abs_diff(*b) < 4), "{place:?} and {sung:?}");

    // Moved by 200 ms it is 200 ms later in the mix, and the song is where it was.
    slide(&stage, "Move the voice", 200);
    let (moved, _) = download(&stage, "Download the mix", "My Song (my mix).wav");
    let later = peaks(&strength(&moved, 2, VOICE_HZ));
    let wanted = |at: &usize| later.iter().any(|l| l.abs_diff(at + 200) < 3);
    assert!(sung[..sung.len() - 1].iter().all(wanted), "{sung:?} and {later:?}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_take_in_another_key_is_in_that_key() {
    let stage = quick_stage(&microphone_flags(None));
    let browser = &stage.browser;
    stage.hand_in("My Song.wav", &tone().wav_16());
    stage.until_card("My Song", "Ready to sing");
    for _ in 0..12 {
        browser.find("button", "Raise the key by a semitone").click();
    }
    browser.find("button", "Record yourself My Song").click();
    browser.find("checkbox", "Count me in").click();
    record(&stage, "My Song", 2);
    slide(&stage, "Your voice", 0);
    let (mix, _) = download(&stage, "Download the mix", "My Song (my mix).wav");
    let middle = &mix[(mix.len() / 4) & !1..mix.len() * 3 / 4];
    let mean = |hz| {
        let strength = strength(middle, 2, hz);
        strength.iter().sum::<f64>() / strength.len() as f64
    };
    let (low, high) = (mean(SONG_HZ), mean(2.0 * SONG_HZ));
    assert!(high > 0.2 && low < 0.02, "{low} at the song's pitch, {high} an octave above");
}

/// A room: what the page plays comes back into the microphone a while later.
const ROOM: &str = "(() => {
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (target, ...more) {
        if (target instanceof AudioDestinationNode && this.context instanceof AudioContext && !this.context.room) {
            const air = new DelayNode(this.context, { delayTime: 0.2 });
            const ear = this.context.room = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
            connect.call(connect.call(this, air), ear);
            window.room = ear.stream;
        }
        return connect.call(this, target, ...more);
    };
    navigator.mediaDevices.getUserMedia = async () => room.clone();
    return true;
})()";

/// How much later `voice` comes than `song`, in milliseconds: where they are most alike.
fn lag_ms(song: &[f32], voice: &[f32]) -> f64 {
    const COARSE: usize = 8;
    let coarse = |samples: &[f32]| -> Vec<f32> {
        samples.chunks_exact(COARSE).map(|c| c.iter().sum::<f32>() / COARSE as f32).collect()
    };
    let (song, voice) = (coarse(song), coarse(voice));
    let reach = (RATE as usize / COARSE * 3 / 10) as i64;
    let middle = reach as usize..song.len().min(voice.len()) - reach as usize;
    let likeness =
        |lag: i64| -> f32 { middle.clone().map(|i| song[i] * voice[(i as i64 + lag) as usize]).sum() };
    let best = (-reach..=reach).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).expect("a lag");
    best as f64 * COARSE as f64 * 1000.0 / f64::from(RATE)
}

#[test]
fn the_delay_is_measured_and_a_voice_in_time_is_in_time_in_the_mix() {
    let stage = quick_stage(&microphone_flags(None));
    let browser = &stage.browser;
    browser.js(ROOM);
    let song = Sound { rate: RATE, samples: [short_song().samples, short_song().samples].concat() };
    stage.hand_in("My Song.wav", &song.wav_16());
    stage.until_card("My Song", "Ready to sing");
    browser.find("button", "Play My Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.2");
    browser.find("button", "Pause My Song").click();
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");

    // The browser knows nothing of the room's 200 ms.
    let told = delay_ms(&stage);
    let before = lag_of_a_take(&stage, "My Song", 3);
    browser.find("button", "Measure the delay").click();
    browser.until("document.body.innerText.includes('Measured: your voice comes in')");
    let measured = delay_ms(&stage);
    assert!((200.0..330.0).contains(&measured), "{measured}");
    let after = lag_of_a_take(&stage, "My Song", 3);
    assert!(after.abs() < 20.0, "{after} ms are left of {before}");
    assert!((before - after - (measured - told)).abs() < 20.0, "{before} to {after}, {told} to {measured}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The delay that the recorder tells.
fn delay_ms(stage: &Stage) -> f64 {
    let words = stage.browser.js("document.querySelector('.recorder-delay').textContent");
    let number = words.as_str().and_then(|w| w.split(' ').nth(1)).and_then(|n| n.parse().ok());
    number.unwrap_or_else(|| panic!("no delay in {words}"))
}

fn lag_of_a_take(stage: &Stage, title: &str, seconds: u32) -> f64 {
    if stage.browser.look_for("button", "Record").is_none() {
        stage.browser.find("button", "Record again").click();
        stage.browser.find("button", "Stop recording").click();
        stage.browser.find("button", "Record");
    }
    record(stage, title, seconds);
    slide(stage, "Your voice", 0);
    let (song, _) = download(stage, "Download the mix", &format!("{title} (my mix).wav"));
    let (voice, _) = download(stage, "Download the voice alone", &format!("{title} (my voice).wav"));
    let song: Vec<f32> = song.into_iter().step_by(2).collect();
    lag_ms(&song, &voice)
}

#[test]
fn a_refused_microphone_says_what_to_do() {
    let stage = quick_stage(&["--use-fake-device-for-media-stream".to_owned()]);
    let browser = &stage.browser;
    browser.deny("microphone");
    stage.hand_in("My Song.wav", &tone().wav_16());
    stage.until_card("My Song", "Ready to sing");
    browser.find("button", "Record yourself My Song").click();
    browser.until(
        "document.querySelector('.recorder-note').textContent.includes('allow it for this page in the browser')",
    );
    browser.until(
        "document.querySelector('[role=status]').textContent.includes('The microphone is not allowed')",
    );
}

#[test]
fn the_recorder_is_run_with_the_keyboard_and_closes_the_microphone() {
    let stage = quick_stage(&microphone_flags(None));
    let browser = &stage.browser;
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
    stage.hand_in("My Song.wav", &tone().wav_16());
    stage.until_card("My Song", "Ready to sing");
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

#[test]
fn a_take_is_cut_and_moved_to_the_sample_and_never_distorts() {
    let stage = Stage::quick();
    let faults = stage.browser.js(
        "(async () => {
            const { Take } = await import('/js/record/take.js');
            const { mixdown } = await import('/js/record/mixdown.js');
            const { findPulse, pulse, agreement } = await import('/js/record/pulse.js');
            const faults = [];
            const check = (what, fine) => fine || faults.push(what);
            const [rate, size] = [8000, 256];
            const take = new Take(rate);
            // Each sample tells its own place.
            for (let chunk = 0; chunk < 40; chunk += 1) {
                const frame = 1000 + chunk * size;
                const voice = Int16Array.from({ length: size }, (_, i) => frame + i);
                const song = Int16Array.from({ length: 2 * size }, (_, i) => (i % 2 ? -1 : 1) * (frame + (i >> 1)));
                take.add({ frame, song, voice });
            }
            take.begin(1500);
            take.end(9500);
            take.delay = 0.1;
            check('length', take.frames === 8000);
            for (const [at, shift] of [[0, 0], [777, 0], [0, 0.05], [3000, -0.25], [7900, 0.5], [0, 0.5], [7990, -0.5]]) {
                const [song, voice] = [new Int16Array(200), new Int16Array(100)];
                take.song(at, song);
                take.voice(at, voice, shift);
                const from = 1500 + at + Math.round((0.1 - shift) * rate);
                const there = (frame) => (frame >= 1000 && frame < 1000 + 40 * size ? frame : 0);
                check(`song at ${at}`, song.every((s, i) => s === (i % 2 ? -1 : 1) * there(1500 + at + (i >> 1))));
                check(`voice at ${at}, ${shift}`, voice.every((v, i) => v === there(from + i)));
            }
            const loud = new Take(rate);
            for (let chunk = 0; chunk < 4; chunk += 1) {
                const wave = (n) => Int16Array.from({ length: n * size }, (_, i) => 30000 * Math.sin(Math.floor(i / n) / 10));
                loud.add({ frame: chunk * size, song: wave(2), voice: wave(1) });
            }
            loud.end(4 * size);
            const mix = await mixdown(loud, { song: 1.5, voice: 1.5, shift: 0 });
            const samples = new Int16Array((await mix.arrayBuffer()).slice(44));
            check('as loud as can be', Math.max(...samples.map(Math.abs)) === 32767);
            check('still a sine', samples.every((s, i) => Math.abs(s - 32767 * Math.sin(((i >> 1) % size) / 10)) < 4));
            const sound = pulse(44100);
            let seed = 1;
            const noise = () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5);
            for (const place of [0, 1, 12345, 20000]) {
                const heard = Float32Array.from({ length: 24000 }, () => 0.1 * noise());
                sound.forEach((s, i) => (heard[place + i] += 0.05 * s));
                const found = findPulse(heard, sound);
                check(`pulse at ${place}: ${found}`, found === place);
            }
            const silence = findPulse(Float32Array.from({ length: 24000 }, noise), sound);
            check(`nothing in noise: ${silence}`, silence === null);
            check('agreement', agreement([100, 101, null, 102], 3) === 101 && agreement([1, 50, 100, 150], 3) === null);
            return faults;
        })()",
    );
    assert_eq!(faults, serde_json::json!([]));
}

#[test]
fn ten_minutes_are_no_trouble() {
    let stage = Stage::quick();
    let mixed = stage.browser.js(
        "(async () => {
            const { Take } = await import('/js/record/take.js');
            const { mixdown } = await import('/js/record/mixdown.js');
            const [rate, size, chunks] = [44100, 2048, Math.ceil((600 * 44100) / 2048)];
            const take = new Take(rate);
            for (let chunk = 0; chunk < chunks; chunk += 1) {
                take.add({ frame: chunk * size, song: new Int16Array(2 * size).fill(1000), voice: new Int16Array(size).fill(chunk % 100) });
            }
            take.end(600 * rate);
            let [longest, last, over] = [0, performance.now(), false];
            (function watch() {
                longest = Math.max(longest, performance.now() - last);
                last = performance.now();
                if (!over) setTimeout(watch);
            })();
            const begin = performance.now();
            const mix = await mixdown(take, { song: 1, voice: 1, shift: 0 });
            over = true;
            const end = new Int16Array(await mix.slice(-4).arrayBuffer());
            return { bytes: mix.size, end: [...end], seconds: (performance.now() - begin) / 1000, longest };
        })()",
    );
    println!("{mixed}");
    let chunk = (600 * 44_100 - 1) / 2048 % 100;
    assert_eq!(mixed["bytes"], 44 + 600 * 44_100 * 4);
    assert_eq!(mixed["end"], serde_json::json!([1000 + chunk, 1000 + chunk]));
}
