//! This browser's songs: found again, shared with another browser, downloaded together.

use crate::looks::every_view;
use crate::stage::{Stage, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Browser, Node};
use std::collections::BTreeMap;
use std::io::Read;

fn second() -> Vec<u8> {
    Sound { rate: 44_100, samples: short_song().samples[..88_200].to_vec() }.wav_16()
}

fn hand_in_all(stage: &Stage, names: &[&str]) {
    let files: Vec<_> = names.iter().map(|name| stage.file(&format!("{name}.wav"), &second())).collect();
    let button = stage.browser.find("button", "Choose songs");
    let paths: Vec<_> = files.iter().map(|path| path.as_path()).collect();
    stage.browser.choose_files(&paths, || button.click());
    for name in names {
        stage.until_card(name, "Ready to sing");
    }
}

fn seen(stage: &Stage) -> Vec<String> {
    stage.browser.all("article").into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_song_is_found_by_what_one_remembers_of_it() {
    let stage = Stage::quick();
    let browser = &stage.browser;
    hand_in_all(&stage, &["Für Elise", "Waterloo", "Yesterday", "Imagine", "Hurt"]);
    assert!(browser.look_for("searchbox", "Search your songs").is_none(), "five are seen at a glance");
    hand_in_all(&stage, &["Hallelujah"]);
    let search = browser.find("searchbox", "Search your songs");
    browser.js("document.activeElement.blur()");
    browser.press("/");
    assert_eq!(browser.focused(), "Search your songs");
    let find = |words: &str| {
        search.js(&format!("(this.value = '{words}', this.dispatchEvent(new Event('input')), null)"));
    };
    find("fur");
    until_sync("it is found", || (seen(&stage) == ["Für Elise"]).then_some(()));
    browser.until("document.getElementById('announcer').textContent === '1 of 6 songs'");
    find("nothing like it");
    browser.until("document.body.innerText.includes('None of your songs matches “nothing like it”.')");
    browser.press("Escape");
    until_sync("all are there", || (seen(&stage).len() == 6).then_some(()));
    browser.reload();
    browser.find("searchbox", "Search your songs");
    let shifts = browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped while it came back: {shifts}");
    every_view(&stage, "library");
}

#[test]
fn a_shared_link_opens_the_song_in_another_browser_and_nothing_of_it_stays_in_the_address() {
    let stage = Stage::quick();
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Share My Song").click();
    stage.browser.until("document.body.innerText.includes('Link copied')");
    let link = stage.browser.clipboard();
    assert!(link.starts_with(&format!("{}/#song=", stage.program.url)), "{link}");

    let other = Browser::start();
    other.open(&link);
    let card = |browser: &Browser| browser.look_for("article", "My Song").is_some();
    until_sync("it is there", || card(&other).then_some(()));
    assert_eq!(other.js("location.href"), format!("{}/", stage.program.url));
    other.find("button", "Play My Song").click();
    other.until("audioProbe.playing[0]?.currentTime > 0.1");
    other.reload();
    until_sync("it stays", || card(&other).then_some(()));
    let passcode = link.rsplit('.').next().expect("a passcode").to_owned();
    assert!(other.requests().iter().all(|url| !url.contains(&passcode)), "it is in no address");
    assert_eq!(other.complaints(), Vec::<String>::new());

    let third = Browser::start();
    third.open(&link[..link.len() - 4]);
    third.until(
        "document.body.innerText.includes('The song behind this link is gone, or the link is wrong.')",
    );
    assert!(third.all("article").is_empty());
    third.js(&format!("location.href = '{link}'"));
    until_sync("the whole link, opened on the page", || card(&third).then_some(()));
}

#[test]
fn several_songs_are_downloaded_as_one_file() {
    let stage = Stage::quick();
    let browser = &stage.browser;
    hand_in_all(&stage, &["Waterloo", "Yesterday", "Imagine"]);
    let dir = browser.take_downloads();
    browser.find("button", "Download several").click();
    browser.find("dialog", "Download several");
    every_view(&stage, "batch");
    browser.view(1440, 900);
    browser.find("checkbox", "Yesterday").click();
    browser.find("radio", "Every stem").click();
    browser.find("combobox", "As").js("(this.value = 'wav', null)");
    browser.find("button", "Download 2 songs").click();
    let path = browser.downloaded(&dir, "karaoke.zip");
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).expect("a file")).expect("a zip");
    let mut sizes = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).expect("an entry");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("whole, by its checksum");
        sizes.insert(file.name().expect("a name").into_owned(), bytes.len());
    }
    let whole = second().len();
    let names = [
        "Imagine (Instrumental).wav",
        "Imagine (Vocals).wav",
        "Waterloo (Instrumental).wav",
        "Waterloo (Vocals).wav",
    ];
    assert_eq!(sizes, names.map(|name| (name.to_owned(), whole)).into());
    browser.press("Escape");
    until_sync("the focus is back", || (browser.focused() == "Download several").then_some(()));
    let faults: Vec<_> =
        browser.all("dialog").iter().map(|(_, node): &(String, Node<'_>)| node.text()).collect();
    assert!(faults.is_empty() && browser.complaints().is_empty(), "{faults:?} {:?}", browser.complaints());
}
