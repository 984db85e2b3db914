//! The program and a browser on its page, and what every visitor does there.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Browser, Node, Program, Settings};
use std::path::PathBuf;

/// A browser in front of a program.
pub struct Stage {
    pub browser: Browser,
    pub program: Program,
}

impl Stage {
    /// The page of a program that gives back what it gets: quick, and exactly known.
    pub fn quick() -> Self {
        Self::with(Settings::default().set("models.default", "identity"))
    }

    /// The page of a program that takes its time: one worker, and each moment of the song in twenty windows.
    pub fn slow() -> Self {
        let settings = Settings::default().set("worker.workers", 1).set("dispatch.in_flight", 1);
        Self::with(settings.set("chunking.overlap", 0.95).set("chunking.windows_per_chunk", 1))
    }

    pub fn with(settings: Settings) -> Self {
        Self::with_browser(settings, Browser::start())
    }

    pub fn with_browser(settings: Settings, browser: Browser) -> Self {
        let program = Program::start(settings);
        browser.open(&program.url);
        Self { browser, program }
    }

    /// A file in the visitor's hand.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.browser.folder().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// Hands in a file with the button.
    pub fn hand_in(&self, name: &str, bytes: &[u8]) {
        let path = self.file(name, bytes);
        let button = self.browser.find("button", "Choose songs");
        self.browser.choose_files(&[&path], || button.click());
    }

    /// The song's card.
    pub fn card(&self, title: &str) -> Node<'_> {
        self.browser.find("article", title)
    }

    /// Waits until the song's card reads like this somewhere.
    pub fn until_card(&self, title: &str, words: &str) {
        karaoke_tests::wait::until_sync(&format!("{title} reads “{words}”"), || {
            self.card(title).text().contains(words).then_some(())
        });
    }

    /// The names of the song's lamps, one a part, in order.
    pub fn lamps(&self) -> Vec<String> {
        let names = self.browser.all("button").into_iter().map(|(name, _)| name);
        names.filter(|name| name.starts_with("Part")).collect()
    }

    /// A button that asks back is pressed, and pressed again, until the page shows that it acted.
    pub fn press_twice(&self, label: &str, sure: &str, acted: impl Fn() -> bool) {
        self.browser.find("button", label).click();
        karaoke_tests::wait::until_sync(&format!("{label} acts"), || {
            // A double click is one press, so that the second one must be pressed a moment later.
            self.browser.look_for("button", sure).iter().for_each(Node::click);
            acted().then_some(())
        });
    }
}

/// Twelve seconds of song.
pub fn short_song() -> Sound {
    song(12.0, 44_100)
}

/// A minute of song: the short one over and over.
pub fn long_song() -> Sound {
    let short = song(6.0, 44_100);
    Sound { rate: short.rate, samples: short.samples.repeat(10) }
}

/// Asks until a number is as near as that to what it should be.
pub fn until_number(what: &str, mut ask: impl FnMut() -> f64, wanted: f64, within: f64) -> f64 {
    let mut last = f64::NAN;
    let begin = std::time::Instant::now();
    karaoke_tests::wait::until_sync(what, || {
        last = ask();
        assert!(begin.elapsed().as_secs() < 60, "{what}: it is {last}, not {wanted}");
        ((last - wanted).abs() <= within).then_some(last)
    })
}
