//! The page as an app: it can be installed, opens without the server, and plays stored songs.

use crate::page::{Page, short_song};

/// Waits until the service worker controls the page.
fn until_service_worker(page: &Page) {
    page.browser.until(
        "(async () => {
            const { active } = await navigator.serviceWorker.ready;
            return active.state === 'activated' && Boolean(navigator.serviceWorker.controller);
        })()",
    );
}

#[test]
fn the_page_can_be_installed() {
    let page = Page::quick();
    until_service_worker(&page);
    assert_eq!(page.browser.install_errors(), Vec::<String>::new());
    let icons = page.browser.js(
        "(async () => {
            const manifest = await (await fetch(document.querySelector('[rel=manifest]').href)).json();
            const addresses = [...manifest.icons.map((icon) => icon.src), document.querySelector('[rel=apple-touch-icon]').href];
            return Promise.all(addresses.map(async (address) => {
                const image = new Image();
                image.src = address;
                await image.decode();
                return image.width > 0;
            }));
        })()",
    );
    assert_eq!(icons, serde_json::json!([true, true, true, true, true]));
}

#[test]
fn the_page_opens_without_the_server() {
    let mut page = Page::quick();
    until_service_worker(&page);
    let kept = page.browser.js("(async () => (await Promise.all((await caches.keys()).map(async (name) =>
        (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat())()");
    let kept: Vec<&str> = kept.as_array().expect("addresses").iter().filter_map(|p| p.as_str()).collect();
    assert!(kept.contains(&"/") && kept.contains(&"/js/main.js"), "{kept:?}");
    assert!(!kept.iter().any(|path| path.starts_with("/api/")), "{kept:?}");

    page.program.kill();
    page.browser.reload();
    page.browser.find("button", "Choose songs");
    page.browser.until("document.body.innerText.includes('Take out the singer.')");
}

#[test]
fn a_stored_song_plays_without_the_server_and_can_be_removed() {
    let mut page = Page::quick();
    until_service_worker(&page);
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    let browser = &page.browser;
    // 12 seconds of two stems in 16 bits.
    browser.find("button", "Keep offline (4.2 MB) My Song").click();
    let kept = "Kept offline (4.2 MB) My Song";
    browser.find("button", kept);
    page.program.kill();
    page.browser.reload();
    page.until_card("My Song", "Ready to sing");
    let browser = &page.browser;
    browser.find("button", kept);
    assert!(page.chunk_cells().len() > 1, "the chunk map is shown");
    browser.find("button", "Play My Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.3");
    assert!(browser.js("audioProbe.loudness(300)").as_f64() > Some(0.02), "it is audible");
    browser
        .find("slider", "Position in the song")
        .js("(this.value = 9, this.dispatchEvent(new Event('change')), true)");
    browser.until("audioProbe.playing[0]?.currentTime > 9.2");
    assert!(browser.js("audioProbe.loudness(300)").as_f64() > Some(0.02), "audible after a seek");

    browser.find("button", kept).click();
    browser.find("button", "Take it off this device? My Song").click();
    browser.find("button", "Keep offline (4.2 MB) My Song");
    assert_eq!(browser.js("(async () => (await (await caches.open('songs')).keys()).length)()"), 0);

    // A song that is removed at the server is removed from the device, too.
    page.program.restart();
    page.browser.reload();
    page.until_card("My Song", "Ready to sing");
    page.browser.find("button", "Keep offline (4.2 MB) My Song").click();
    page.browser.find("button", kept);
    let gone = || page.browser.look_for("article", "My Song").is_none();
    page.press_and_confirm("Remove My Song", "Remove for good? My Song", gone);
    page.browser.until("(async () => (await (await caches.open('songs')).keys()).length === 0)()");
}
