//! The test fixture: the program and a browser on its page, and actions that many tests need.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Browser, Node, Program, Settings};
use std::path::PathBuf;

/// A program and a browser that shows its page.
pub struct Page {
    pub browser: Browser,
    pub program: Program,
}

impl Page {
    /// Separates with the identity model: fast, and the output is the input.
    pub fn quick() -> Self {
        Self::with(Settings::default().set("models.default", "identity"))
    }

    /// Separates slowly: one worker, and windows that overlap twenty times.
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

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.browser.folder().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// Uploads a file with the button.
    pub fn upload(&self, name: &str, bytes: &[u8]) {
        let path = self.file(name, bytes);
        let button = self.browser.find("button", "Choose songs");
        self.browser.choose_files(&[&path], || button.click());
    }

    /// The song's card.
    pub fn card(&self, title: &str) -> Node<'_> {
        self.browser.find("article", title)
    }

    /// Waits until the song's card contains a text.
    pub fn until_card(&self, title: &str, words: &str) {
        karaoke_tests::wait::until_sync(&format!("{title} reads “{words}”"), || {
            self.card(title).text().contains(words).then_some(())
        });
    }

    /// The accessible names of the cells of the chunk map, in order.
    pub fn chunk_cells(&self) -> Vec<String> {
        let names = self.browser.all("button").into_iter().map(|(name, _)| name);
        names.filter(|name| name.starts_with("Part")).collect()
    }

    /// Presses a button with confirmation twice, until `acted`.
    pub fn press_and_confirm(&self, label: &str, sure: &str, acted: impl Fn() -> bool) {
        self.browser.find("button", label).click();
        karaoke_tests::wait::until_sync(&format!("{label} acts"), || {
            // A double click counts as one press: the second press must come a moment later.
            self.browser.look_for("button", sure).iter().for_each(Node::click);
            acted().then_some(())
        });
    }
}

/// A song of twelve seconds.
pub fn short_song() -> Sound {
    song(12.0, 44_100)
}

/// A song of one minute: six seconds, repeated.
pub fn long_song() -> Sound {
    let short = song(6.0, 44_100);
    Sound { rate: short.rate, samples: short.samples.repeat(10) }
}

/// Waits until a number is within `within` of `wanted`, and returns it.
pub fn until_number(what: &str, mut ask: impl FnMut() -> f64, wanted: f64, within: f64) -> f64 {
    let mut last = f64::NAN;
    let begin = std::time::Instant::now();
    karaoke_tests::wait::until_sync(what, || {
        last = ask();
        assert!(begin.elapsed().as_secs() < 60, "{what}: it is {last}, not {wanted}");
        ((last - wanted).abs() <= within).then_some(last)
    })
}
