//! The page as an app: it can be installed, opens without the server, and plays the songs that were kept.

use crate::stage::{Stage, short_song};

/// Waits until the service worker answers for the page.
fn until_kept(stage: &Stage) {
    stage.browser.until(
        "(async () => {
            const { active } = await navigator.serviceWorker.ready;
            return active.state === 'activated' && Boolean(navigator.serviceWorker.controller);
        })()",
    );
}

#[test]
fn it_can_be_installed() {
    let stage = Stage::quick();
    until_kept(&stage);
    assert_eq!(stage.browser.install_errors(), Vec::<String>::new());
    let icons = stage.browser.js(
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
fn the_shell_opens_without_the_server() {
    let mut stage = Stage::quick();
    until_kept(&stage);
    let kept = stage.browser.js("(async () => (await Promise.all((await caches.keys()).map(async (name) =>
        (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat())()");
    let kept: Vec<&str> = kept.as_array().expect("addresses").iter().filter_map(|p| p.as_str()).collect();
    assert!(kept.contains(&"/") && kept.contains(&"/js/main.js"), "{kept:?}");
    assert!(!kept.iter().any(|path| path.starts_with("/api/")), "{kept:?}");

    stage.program.kill();
    stage.browser.reload();
    stage.browser.find("button", "Choose songs");
    stage.browser.until("document.body.innerText.includes('Take out the singer.')");
}

#[test]
fn a_song_that_is_kept_plays_without_the_server_and_leaves_when_told_to() {
    let mut stage = Stage::quick();
    until_kept(&stage);
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    let browser = &stage.browser;
    // 12 seconds of two stems in 16 bits.
    browser.find("button", "Keep offline (4.2 MB) My Song").click();
    let kept = "Kept offline (4.2 MB) My Song";
    browser.find("button", kept);
    stage.program.kill();
    stage.browser.reload();
    stage.until_card("My Song", "Ready to sing");
    let browser = &stage.browser;
    browser.find("button", kept);
    assert!(stage.lamps().len() > 1, "its map is there");
    browser.find("button", "Play My Song").click();
    browser.until("audioProbe.playing[0]?.currentTime > 0.3");
    assert!(browser.js("audioProbe.loudness(300)").as_f64() > Some(0.02), "one hears it");
    browser
        .find("slider", "Position in the song")
        .js("(this.value = 9, this.dispatchEvent(new Event('change')), true)");
    browser.until("audioProbe.playing[0]?.currentTime > 9.2");
    assert!(browser.js("audioProbe.loudness(300)").as_f64() > Some(0.02), "also further on");

    browser.find("button", kept).click();
    browser.find("button", "Take it off this device? My Song").click();
    browser.find("button", "Keep offline (4.2 MB) My Song");
    assert_eq!(browser.js("(async () => (await (await caches.open('songs')).keys()).length)()"), 0);

    // And one that the server removes is not kept either.
    stage.program.restart();
    stage.browser.reload();
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Keep offline (4.2 MB) My Song").click();
    stage.browser.find("button", kept);
    let gone = || stage.browser.look_for("article", "My Song").is_none();
    stage.press_twice("Remove My Song", "Remove for good? My Song", gone);
    stage.browser.until("(async () => (await (await caches.open('songs')).keys()).length === 0)()");
}
