//! Files that cannot be separated are rejected with a message.

use crate::page::{Page, short_song};

#[test]
fn files_without_audio_are_rejected_with_a_message() {
    let page = Page::quick();
    page.upload("shopping.txt", b"milk, bread, strings");
    page.browser.until("document.body.innerText.includes('“shopping.txt” is not audio or video.')");
    page.upload("nothing.mp3", b"");
    page.browser.until("document.body.innerText.includes('“nothing.mp3” is empty.')");
    page.browser.find("button", "Dismiss").click();
    page.browser.until("!document.body.innerText.includes('is empty')");
    assert!(page.browser.all("article").is_empty(), "neither was uploaded");

    page.upload("disguised.mp3", b"milk, bread, strings");
    page.until_card("disguised", "Not an audio file");
    page.upload("half.wav", &short_song().wav_16()[..400_000]);
    page.until_card("half", "Truncated file");
    page.upload("noise.flac", &[7; 10_000]);
    page.until_card("noise", "Did not work");
    assert!(page.program.audio_files().is_empty(), "nothing of them stays behind");

    let gone = || page.browser.look_for("article", "half").is_none();
    page.press_and_confirm("Remove half", "Remove for good? half", gone);
}
