//! Files that cannot become karaoke: the page says so, and what to do.

use crate::stage::{Stage, short_song};

#[test]
fn what_is_no_song_is_refused_in_plain_words() {
    let stage = Stage::quick();
    stage.hand_in("shopping.txt", b"milk, bread, strings");
    stage.browser.until("document.body.innerText.includes('“shopping.txt” is not audio or video.')");
    stage.hand_in("nothing.mp3", b"");
    stage.browser.until("document.body.innerText.includes('“nothing.mp3” is empty.')");
    stage.browser.find("button", "Dismiss").click();
    stage.browser.until("!document.body.innerText.includes('is empty')");
    assert!(stage.browser.all("article").is_empty(), "neither was sent");

    stage.hand_in("disguised.mp3", b"milk, bread, strings");
    stage.until_card("disguised", "Not an audio file");
    stage.hand_in("half.wav", &short_song().wav_16()[..400_000]);
    stage.until_card("half", "Truncated file");
    stage.hand_in("noise.flac", &[7; 10_000]);
    stage.until_card("noise", "Did not work");
    assert!(stage.program.audio_files().is_empty(), "nothing of them stays behind");

    let gone = || stage.browser.look_for("article", "half").is_none();
    stage.press_twice("Remove half", "Remove for good? half", gone);
}
