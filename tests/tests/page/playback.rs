//! The main path: upload, separate, play, download.

use crate::page::{Page, short_song};
use serde_json::Value;

#[test]
fn a_song_is_uploaded_separated_played_and_downloaded() {
    let page = Page::quick();
    let song = short_song();
    page.upload("My Song.wav", &song.wav_16());
    page.browser.find("progressbar", "Progress of My Song");
    page.until_card("My Song", "Ready to sing");
    let cells = page.chunk_cells();
    assert!(cells.len() > 1 && cells.iter().all(|name| name.contains(": done by w")), "{cells:?}");

    check_playback(&page);

    let frames = song.frames();
    for stem in ["Instrumental", "Vocals"] {
        let wav = download(&page, stem, "WAV");
        assert_eq!((&wav["magic"], &wav["bytes"]), (&"RIFF".into(), &(44 + frames * 4).into()), "{wav}");
        let flac = download(&page, stem, "FLAC");
        assert_eq!(flac["magic"], "fLaC", "{flac}");
        let mp3 = download(&page, stem, "MP3");
        assert!(
            mp3["magic"].as_str().is_some_and(|m| m.starts_with("ID3") || m.starts_with('\u{ff}')),
            "{mp3}"
        );
        for file in [wav, flac, mp3] {
            let seconds = file["seconds"].as_f64().expect("seconds");
            assert!((seconds - 12.0).abs() < 0.1, "{file}");
            let level = file["level"].as_f64().expect("a level");
            assert!(if stem == "Vocals" { level < 1e-4 } else { level > 0.05 }, "{file}");
        }
    }
    assert_eq!(page.browser.complaints(), Vec::<String>::new());
}

/// With the identity model the instrumental is the song and the vocals are silent.
fn check_playback(page: &Page) {
    let browser = &page.browser;
    browser.find("button", "Play My Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.3");
    let begin = browser.js("audioProbe.playing[0].currentTime").as_f64();
    let song = browser.js("audioProbe.loudness()").as_f64().expect("a level");
    assert!(song > 0.02, "audible: {song}");
    assert!(browser.js("audioProbe.playing[0].currentTime").as_f64() > begin, "playback goes on");
    browser.find("button", "Mute Instrumental").click();
    // The gain changes smoothly over a few hundredths of a second.
    browser.until("(async () => (await audioProbe.loudness(100)) < 1e-3)()");
    let voice = browser.js("audioProbe.loudness()").as_f64().expect("a level");
    assert!(voice < 1e-3, "silent: {voice}");
    browser.find("button", "Pause My Song").click();
    browser.find("button", "Play My Song");
    browser.until("audioProbe.playing.length === 0");
}

/// Downloads a stem by its link and decodes it.
fn download(page: &Page, stem: &str, format: &str) -> Value {
    let link = page.browser.find("link", &format!("Download {stem} as {format}"));
    let file = link.js("(async () => {
            const answer = await fetch(this.href);
            const body = await answer.arrayBuffer();
            const magic = String.fromCharCode(...new Uint8Array(body, 0, 4));
            const name = answer.headers.get('content-disposition');
            const bytes = body.byteLength;
            const sound = await new OfflineAudioContext(2, 1, 44100).decodeAudioData(body);
            const left = sound.getChannelData(0);
            const level = Math.sqrt(left.reduce((sum, s) => sum + s * s, 0) / left.length);
            return { magic, name, bytes, seconds: sound.duration, level };
        })()");
    let name = file["name"].as_str().unwrap_or_default();
    let ending = format!("({stem}).{}", format.to_lowercase());
    assert!(name.starts_with("attachment") && name.contains("My Song") && name.contains(&ending), "{file}");
    file
}

#[test]
fn a_dropped_song_is_separated_into_vocals_and_instrumental() {
    let page = Page::with(karaoke_tests::Settings::default());
    let path = page.file("My Song.wav", &short_song().wav_16());
    page.browser.drop_file(&path);
    page.until_card("My Song", "Ready to sing");
    let voice = download(&page, "Vocals", "WAV")["level"].as_f64().expect("a level");
    let band = download(&page, "Instrumental", "WAV")["level"].as_f64().expect("a level");
    let song = short_song();
    let whole = 10f64.powf(song.level_db() / 20.0);
    assert!(voice > 0.02 && band > 0.02 && band < 0.95 * whole, "{voice} and {band} of {whole}");
}
