//! The song library: search, shared links, batch download.

use crate::layout::every_view;
use crate::page::{Page, short_song};
use karaoke_tests::sound::Sound;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Browser, Node, Settings};
use std::collections::BTreeMap;
use std::io::Read;

fn one_second() -> Vec<u8> {
    Sound { rate: 44_100, samples: short_song().samples[..88_200].to_vec() }.wav_16()
}

fn upload_all(page: &Page, names: &[&str]) {
    let files: Vec<_> = names.iter().map(|name| page.file(&format!("{name}.wav"), &one_second())).collect();
    let button = page.browser.find("button", "Choose songs");
    let paths: Vec<_> = files.iter().map(|path| path.as_path()).collect();
    page.browser.choose_files(&paths, || button.click());
    for name in names {
        page.until_card(name, "Ready to sing");
    }
}

fn shown_titles(page: &Page) -> Vec<String> {
    page.browser.all("article").into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_song_is_kept_where_songs_are_removed() {
    let page = Page::with(Settings::default().set("models.default", "identity").set("store.keep_hours", 24));
    let browser = &page.browser;
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    let keep = || until_sync("the button is there", || browser.look_for("button", "Keep My Song"));
    assert_eq!(keep().js("this.getAttribute('aria-pressed')"), "false");
    keep().click();
    until_sync("it is kept", || (keep().text() == "Kept").then_some(()));
    browser.reload();
    until_sync("it is remembered", || (keep().text() == "Kept").then_some(()));
    keep().click();
    until_sync("it may go again", || (keep().text() == "Keep").then_some(()));
}

#[test]
fn search_finds_songs_without_accents_and_case() {
    let page = Page::quick();
    let browser = &page.browser;
    upload_all(&page, &["Für Elise", "Waterloo", "Yesterday", "Imagine", "Hurt"]);
    assert!(browser.look_for("searchbox", "Search your songs").is_none(), "no search for five songs");
    upload_all(&page, &["Hallelujah"]);
    let search = browser.find("searchbox", "Search your songs");
    browser.js("document.activeElement.blur()");
    browser.press("/");
    assert_eq!(browser.focused(), "Search your songs");
    let find = |words: &str| {
        search.js(&format!("(this.value = '{words}', this.dispatchEvent(new Event('input')), null)"));
    };
    find("fur");
    until_sync("it is found", || (shown_titles(&page) == ["Für Elise"]).then_some(()));
    browser.until("document.getElementById('announcer').textContent === '1 of 6 songs'");
    find("nothing like it");
    browser.until("document.body.innerText.includes('None of your songs matches “nothing like it”.')");
    browser.press("Escape");
    until_sync("all are there", || (shown_titles(&page).len() == 6).then_some(()));
    browser.reload();
    browser.find("searchbox", "Search your songs");
    let shifts = browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped while it came back: {shifts}");
    every_view(&page, "library");
}

#[test]
fn a_shared_link_opens_the_song_and_is_removed_from_the_address() {
    let page = Page::quick();
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Share My Song").click();
    page.browser.until("document.body.innerText.includes('Link copied')");
    let link = page.browser.clipboard();
    assert!(link.starts_with(&format!("{}/#song=", page.program.url)), "{link}");

    let other = Browser::start();
    other.open(&link);
    let card = |browser: &Browser| browser.look_for("article", "My Song").is_some();
    until_sync("it is there", || card(&other).then_some(()));
    assert_eq!(other.js("location.href"), format!("{}/", page.program.url));
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
fn several_songs_are_downloaded_as_one_zip() {
    let page = Page::quick();
    let browser = &page.browser;
    upload_all(&page, &["Waterloo", "Yesterday", "Imagine"]);
    let dir = browser.take_downloads();
    browser.find("button", "Download several").click();
    browser.find("dialog", "Download several");
    every_view(&page, "batch");
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
    let whole = one_second().len();
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
