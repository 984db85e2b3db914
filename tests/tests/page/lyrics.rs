//! Lyrics: from tags and files, lit in time, on the stage and on a second screen, and written by hand.

use crate::looks::every_view;
use crate::stage::{Stage, short_song};
use karaoke_tests::Theme;
use karaoke_tests::wait::until_sync;
use serde_json::{Value, json};
use std::process::Command;

pub const LRC: &str = "[ar:Nobody]\n[00:01.00]First line of it\n[00:02.50]Second line\n[00:04.00]Third line\n[00:05.00]\n[00:10.50]Last line\n";
const WORDS: &str = "[00:00.50]<00:00.50>Sing <00:02.50>it <00:04.50>out\n[00:07.00]After that\n";

/// A song as a music shop sells it: FLAC with tags.
fn tagged(stage: &Stage, tags: &[&str]) -> Vec<u8> {
    let (from, to) =
        (stage.file("plain.wav", &short_song().wav_16()), stage.browser.folder().join("tagged.flac"));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from);
    for tag in tags {
        ffmpeg.args(["-metadata", tag]);
    }
    assert!(ffmpeg.arg(&to).status().expect("these tests need ffmpeg").success());
    std::fs::read(to).expect("a file")
}

/// A separated song, with lyrics in its tags if there are any.
pub fn song_with(lyrics: Option<&str>) -> Stage {
    let stage = Stage::quick();
    match lyrics {
        Some(lyrics) => {
            let tags = [&format!("LYRICS={lyrics}")[..], "title=My Song", "artist=The Band"];
            stage.hand_in("My Song.flac", &tagged(&stage, &tags));
        }
        None => stage.hand_in("My Song.wav", &short_song().wav_16()),
    }
    stage.until_card("My Song", "Ready to sing");
    stage.browser.find("button", "Lyrics of My Song");
    stage
}

/// Where the song is, as the card shows it.
fn position(stage: &Stage) -> f64 {
    // Behind an open dialog nothing can be found, but the song goes on.
    stage.browser.js("Number(document.querySelector('.scrubber').value)").as_f64().expect("seconds")
}

fn is_lit(stage: &Stage, line: &str) -> bool {
    stage.browser.look_for("button", line).is_some_and(|line| line.js("this.ariaCurrent") == "true")
}

fn until_lit(stage: &Stage, line: &str) {
    until_sync(&format!("“{line}” is lit"), || is_lit(stage, line).then_some(()));
}

/// What the server has.
fn kept(stage: &Stage) -> Value {
    stage.browser.js("(async () => {
            const { id, passcode } = JSON.parse(localStorage.getItem('karaoke.tracks'))[0];
            const headers = { 'X-Track-Passcode': passcode };
            const answer = await fetch(`/api/v1/tracks/${id}/lyrics`, { headers });
            return answer.ok ? answer.json() : { status: answer.status };
        })()")
}

#[test]
fn lyrics_of_the_tags_are_lit_in_time_and_a_click_goes_there() {
    let stage = song_with(Some(LRC));
    let browser = &stage.browser;
    // Notes where the song was whenever another line was lit.
    browser.js(
        "window.lit = {}, new MutationObserver(() => {
            for (const line of document.querySelectorAll('.lyric[aria-current=true]'))
                window.lit[line.textContent] ??= Number(document.querySelector('.scrubber').value);
        }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['aria-current'] }), true",
    );
    browser.js("audioProbe.shifts = 0");
    browser.find("button", "Play My Song").click();
    for (line, start) in [("First line of it", 1.0), ("Second line", 2.5), ("Third line", 4.0)] {
        until_lit(&stage, line);
        let at = browser.js(&format!("window.lit['{line}']")).as_f64().expect("seconds");
        // The scrubber itself moves only a few times a second.
        assert!((start - 0.6..start + 0.4).contains(&at), "“{line}” was lit at {at}");
    }
    let lit =
        browser.all("button").into_iter().filter(|(_, node)| node.js("this.ariaCurrent") == "true").count();
    assert_eq!(lit, 1, "one line at a time");

    browser.find("button", "Last line").click();
    until_lit(&stage, "Last line");
    assert!((10.4..11.6).contains(&position(&stage)), "{}", position(&stage));
    browser.find("button", "Pause My Song").click();
    browser.find("button", "First line of it").click();
    until_lit(&stage, "First line of it");
    assert_eq!(kept(&stage)["source"], "tags");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    every_view(&stage, "lyrics");
}

#[test]
fn a_pause_is_counted_out_and_who_scrolls_is_left_alone() {
    let stage = song_with(Some(LRC));
    let browser = &stage.browser;
    browser.find("button", "Lyrics of My Song").click();
    let lit_dots = "document.querySelectorAll('.lyrics .dots i[data-lit]').length";
    browser.find("slider", "Position in the song").js("this.focus()");
    browser.press("ArrowRight");
    until_sync("the song is at 5 s", || (position(&stage) >= 5.0).then_some(()));
    assert_eq!(browser.js(lit_dots), 0, "five and a half seconds before the line nothing is counted");
    browser.press("Space");
    for dots in [4, 3, 2, 1] {
        browser.until(&format!("{lit_dots} === {dots}"));
    }
    until_lit(&stage, "Last line");
    assert_eq!(browser.js(lit_dots), 0);

    browser.js("document.querySelector('.lyrics-box').dispatchEvent(new WheelEvent('wheel')), true");
    let back = browser.find("button", "Back to the song");
    browser.js("document.querySelector('.lyrics-box').scrollTop = 0, true");
    browser.find("button", "First line of it").js("this.focus()");
    browser.press("ArrowDown");
    assert_eq!(browser.focused(), "Second line");
    browser.press("Enter");
    until_lit(&stage, "Second line");
    assert!(browser.look_for("button", "Back to the song").is_none(), "{}", back.text());
}

#[test]
fn a_dropped_file_becomes_the_lyrics_and_stays() {
    let stage = song_with(None);
    let browser = &stage.browser;
    browser.find("button", "Lyrics of My Song").click();
    until_sync("it says that there are none", || {
        stage.card("My Song").text().contains("No lyrics yet").then_some(())
    });
    let broken = format!("{LRC}[00:0x.00]Nobody knows when\n");
    let file = stage.file("words.lrc", broken.as_bytes());
    stage.card("My Song").drop_file(&file);
    browser.find("button", "Second line");
    stage.until_card("My Song", "One line has a time that cannot be read: 7.");
    assert_eq!(browser.all("article").len(), 1, "it was not taken for a song");
    assert_eq!(
        browser.js("document.documentElement.dataset.dragging === undefined"),
        true,
        "the curtain is gone"
    );
    assert_eq!((&kept(&stage)["synced"], &kept(&stage)["source"]), (&json!(true), &json!("user")));

    browser.reload();
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Second line");

    let poor = stage.file("empty.lrc", b"\n\n");
    let choose = browser.find("button", "Choose an .lrc file");
    browser.choose_files(&[&poor], || choose.click());
    stage.until_card("My Song", "The lyrics were not taken. There is no line to sing in this text.");
    browser.find("button", "Second line");
    let gone = || kept(&stage)["status"] == 404;
    stage.press_twice("Remove lyrics My Song", "Really remove? My Song", gone);
    stage.until_card("My Song", "No lyrics yet");
    // The browser notes each refusal itself.
    let complaints: Vec<_> =
        browser.complaints().into_iter().filter(|c| !c.contains("status of 4")).collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn words_are_lit_one_after_the_other() {
    let stage = song_with(Some(WORDS));
    let browser = &stage.browser;
    // Notes how each word was while the line was sung, and where the song was then.
    browser.js(
        "window.seen = [], new MutationObserver(() => {
            const words = [...document.querySelectorAll('.lyric[aria-current=true] .word')].map((w) => w.dataset.sung).join();
            if (words && window.seen.at(-1)?.words !== words)
                window.seen.push({ words, at: Number(document.querySelector('.scrubber').value) });
        }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-sung', 'aria-current'] }), true",
    );
    browser.find("button", "Play My Song").click();
    until_lit(&stage, "After that");
    let seen = browser.js("window.seen");
    for (words, start) in [("now,no,no", 0.5), ("yes,now,no", 2.5), ("yes,yes,now", 4.5)] {
        let when = seen.as_array().and_then(|all| all.iter().find(|state| state["words"] == words));
        let at =
            when.and_then(|state| state["at"].as_f64()).unwrap_or_else(|| panic!("never {words}: {seen}"));
        assert!((start - 0.6..start + 0.4).contains(&at), "{words} at {at}");
    }
    browser.find("button", "Pause My Song").click();
}

#[test]
fn the_stage_shows_it_large_obeys_the_keys_and_keeps_the_screen_awake() {
    let stage = song_with(Some(LRC));
    let browser = &stage.browser;
    browser.js("window.awake = 0, navigator.wakeLock.request = async () => {
            window.awake += 1;
            return { release() { window.awake -= 1 } };
        }, true");
    browser.find("button", "Stage for My Song").click();
    let reads = |words: &str| {
        until_sync(&format!("the stage reads “{words}”"), || {
            browser.look_for("dialog", "Stage: My Song")?.text().contains(words).then_some(())
        });
    };
    for words in ["My Song", "The Band", "First line of it", "Second line", "0:12"] {
        reads(words);
    }
    browser.until("window.awake === 1");
    browser.press("Space");
    browser.find("button", "Pause");
    reads("Third line");
    browser.press("Space");
    browser.find("button", "Play");
    browser.press("ArrowDown");
    reads("Last line");
    browser.until(
        "Number(document.querySelector('.scene [role=progressbar]').getAttribute('aria-valuenow')) >= 30",
    );
    for (role, least) in [("button", 3), ("progressbar", 1), ("group", 1), ("toolbar", 1)] {
        let on_stage =
            browser.all(role).into_iter().filter(|(_, node)| node.js("!!this.closest('dialog')") == true);
        let names: Vec<_> = on_stage.map(|(name, _)| name).collect();
        assert!(names.len() >= least && names.iter().all(|name| !name.is_empty()), "{role}: {names:?}");
    }
    stage_pictures(&stage, "stage");
    browser.press("Escape");
    until_sync("the stage is left", || browser.look_for("dialog", "Stage: My Song").is_none().then_some(()));
    assert_eq!(browser.focused(), "Stage for My Song");
    browser.until("window.awake === 0 && !document.fullscreenElement");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn without_lyrics_the_stage_is_still_a_stage() {
    let stage = song_with(None);
    stage.browser.find("button", "Stage for My Song").click();
    until_sync("the title is there", || {
        stage.browser.look_for("dialog", "Stage: My Song")?.text().contains("My Song").then_some(())
    });
    stage_pictures(&stage, "calm");
    stage.browser.find("button", "Leave the stage").click();
    stage.browser.find("button", "Play My Song");
}

/// Looks at the stage on a phone, a projector and a television, in either light: nothing sticks out.
fn stage_pictures(stage: &Stage, name: &str) {
    for theme in [Theme::Dark, Theme::Light] {
        stage.browser.theme(theme);
        for (width, height) in [(320, 640), (390, 844), (844, 390), (1920, 1080), (3840, 2160)] {
            stage.browser.view(width, height);
            stage.browser.until(&format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches",
                theme.name()
            ));
            let out = stage.browser.js(
                "[...document.querySelectorAll('.scene p, .scene-foot, .scene-cover')].filter((e) => {
                    const { left, right, top, bottom, width } = e.getBoundingClientRect();
                    return width && (left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1);
                }).map((e) => e.className + e.textContent)",
            );
            assert_eq!(out, json!([]), "{name} at {width} × {height}");
            stage.browser.picture(&format!("{name}-{}-{width}", theme.name()));
        }
    }
    stage.browser.view(1440, 900);
}

#[test]
fn a_second_window_follows_and_moves_the_song() {
    let stage = song_with(Some(LRC));
    let browser = &stage.browser;
    browser.js("window.second = null, (() => { const { open } = window; window.open = (...a) => (window.second = open.apply(window, a)); })(), true");
    browser.find("button", "Second screen for My Song").click();
    let second = "window.second?.document.body?.innerText ?? ''";
    for words in ["My Song", "The Band", "First line of it"] {
        browser.until(&format!("({second}).includes('{words}')"));
    }
    browser.find("button", "Play My Song").click();
    browser.until("window.second.document.querySelector('.scene-now').textContent === 'Third line'");
    let behind = browser.js(
        "(() => {
            const here = Number(document.querySelector('.scrubber').value);
            const there = Number(window.second.document.querySelector('.scene-progress').style.getPropertyValue('--done')) * 12;
            return Math.abs(here - there);
        })()",
    );
    assert!(behind.as_f64().is_some_and(|s| s < 0.6), "{behind} s apart");
    // The singer pauses it over there.
    browser.js(
        "window.second.document.body.dispatchEvent(new window.second.KeyboardEvent('keydown', { key: ' ', bubbles: true, cancelable: true })), true",
    );
    browser.find("button", "Play My Song");
    let told = browser.js("[window.second.document.documentElement.lang, window.second.document.title]");
    assert_eq!(told, json!(["en", "My Song · Karaoke"]));
    browser.js("window.second.close(), true");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn lines_are_written_stamped_while_listening_nudged_undone_and_saved() {
    let stage = song_with(None);
    let browser = &stage.browser;
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    assert_eq!(browser.focused(), "The words, a line for each line that is sung");
    browser.type_text("One and one\nTwo and two\n\nThree");
    browser.find("button", "Time the lines").click();
    browser.until("document.activeElement.role === 'listbox'");
    let says = |words: &str| {
        browser.until(&format!(
            "document.querySelector('.editor [role=status]').textContent.includes('{words}')"
        ))
    };

    browser.press("p");
    browser.find("button", "Pause");
    let stamp_after = |seconds: f64| {
        until_sync("the moment comes", || (position(&stage) >= seconds).then_some(()));
        browser.press("Space");
    };
    stamp_after(1.0);
    says("Next: Two and two");
    stamp_after(2.0);
    says("Next: Three");
    browser.press("Backspace");
    says("Next: Two and two");
    browser.press("z");
    says("Undone.");
    stamp_after(3.0);
    says("That was the last line.");
    browser.press("p");
    browser.find("button", "Play");

    browser.press("Home");
    let chosen = || {
        browser.js("document.querySelector('.editor [aria-selected=true]').innerText.replace(/\\s+/g, ' ')")
    };
    let before = chosen().as_str().expect("a line").to_owned();
    browser.press("ArrowRight");
    browser.press("ArrowRight");
    assert_ne!(chosen().as_str(), Some(&before[..]), "it was moved");
    browser.press("ArrowLeft");
    says("One and one: 0:01.");
    browser.picture("editor-timing");
    browser.press("s");
    says("Saved.");
    let lyrics = kept(&stage);
    let starts: Vec<f64> =
        lyrics["lines"].as_array().expect("lines").iter().filter_map(|l| l["start_s"].as_f64()).collect();
    let texts: Vec<_> =
        lyrics["lines"].as_array().expect("lines").iter().map(|l| l["text"].clone()).collect();
    assert_eq!(texts, ["One and one", "Two and two", "Three"]);
    for (start, wanted) in starts.iter().zip([1.1, 2.0, 3.0]) {
        assert!((wanted - 0.01..wanted + 0.75).contains(start), "{starts:?}");
    }

    browser.press("ArrowRight");
    browser.press("Escape");
    says("Not saved yet.");
    browser.press("Escape");
    until_sync("the editor is closed", || {
        browser.look_for("listbox", "Lines and their times").is_none().then_some(())
    });
    assert_eq!(browser.focused(), "Write and time");
    browser.find("button", "Two and two");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_editor_downloads_what_the_server_would_read() {
    let stage = song_with(Some(WORDS));
    let browser = &stage.browser;
    browser.js("window.made = null, (() => {
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => { window.made = blob.text(); return make.call(URL, blob); };
        })(), true");
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "Write and time").click();
    browser.find("button", "Download .lrc").click();
    let file = browser.until("window.made");
    assert_eq!(file, WORDS);
    let names: Vec<_> = browser.all("button").into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.trim().is_empty()), "{names:?}");
    assert_eq!(browser.all("option").len(), 2);
    every_view(&stage, "editor");
    browser.find("button", "Close").click();
    browser.find("button", "Lyrics of My Song");
}

#[test]
fn plain_lyrics_are_shown_and_can_be_timed() {
    let stage = song_with(Some("La la\n\nLa li"));
    let browser = &stage.browser;
    browser.find("button", "Lyrics of My Song").click();
    until_sync("the words are there", || stage.card("My Song").text().contains("La li").then_some(()));
    stage.until_card("My Song", "From the file, without times");
    browser.find("button", "Stage for My Song").click();
    until_sync("the stage has them", || {
        browser.look_for("dialog", "Stage: My Song")?.text().contains("La li").then_some(())
    });
    stage_pictures(&stage, "plain");
    browser.press("Escape");
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    assert_eq!(browser.focused(), "The words, a line for each line that is sung");
    // What was copied from an .lrc file elsewhere is read as one.
    browser.js("document.activeElement.select(), true");
    browser.type_text("[00:01.00]La la\n[00:02.00]La lu");
    browser.find("button", "Time the lines").click();
    browser.until("document.querySelectorAll('.editor [role=option][data-timed]').length === 2");
    browser.find("button", "Close").click();
    browser.find("button", "La lu");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_stage_without_a_page_waits() {
    let stage = Stage::quick();
    stage.browser.open(&format!("{}/stage.html", stage.program.url));
    stage.browser.until("document.body.innerText.includes('The stage is set')");
    every_view(&stage, "second-screen");
    assert_eq!(stage.browser.all("main").len(), 1);
    assert_eq!(stage.browser.complaints(), Vec::<String>::new());
}
