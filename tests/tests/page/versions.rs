//! A new version of the page takes over at the next visit, and a page that is open goes on with its own.

use crate::stage::Stage;
use karaoke_tests::{Browser, Program, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stands before a program, and after [`Front::update`] serves another version of its page: with other words.
struct Front {
    url: String,
    updated: Arc<AtomicBool>,
}

const OLD_WORDS: &str = "Choose songs";
const NEW_WORDS: &str = "Select songs";

impl Front {
    fn of(program: &Program) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let updated = Arc::new(AtomicBool::new(false));
        let behind = program.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (flag, version) = (updated.clone(), version(&behind));
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                let (behind, version, flag) = (behind.clone(), version.clone(), flag.clone());
                // Who hangs up early gets nothing.
                std::thread::spawn(move || pass(caller, &behind, &version, &flag).ok());
            }
        });
        Self { url, updated }
    }

    fn update(&self) {
        self.updated.store(true, Ordering::SeqCst);
    }
}

fn ask(behind: &str, head: &str) -> std::io::Result<Vec<u8>> {
    let mut line = TcpStream::connect(behind)?;
    line.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The version that the program serves.
fn version(behind: &str) -> String {
    let head = format!("GET / HTTP/1.1\r\nHost: {behind}\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8_lossy(&ask(behind, &head).expect("an answer")).to_lowercase();
    let (_, after) = answer.split_once("x-page-version: ").expect("the page's version");
    after.split_whitespace().next().expect("a word").to_owned()
}

fn pass(mut caller: TcpStream, behind: &str, version: &str, updated: &AtomicBool) -> std::io::Result<()> {
    let mut head = String::new();
    let mut from = BufReader::new(caller.try_clone()?);
    for line in from.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        // Whole answers, in plain bytes, one a connection.
        if !["connection", "accept-encoding", "if-none-match"].contains(&name.as_str()) {
            head += &format!("{line}\r\n");
        }
    }
    let mut answer = ask(behind, &format!("{head}Connection: close\r\n\r\n"))?;
    if updated.load(Ordering::SeqCst) {
        let other: String = version.chars().rev().collect();
        assert_ne!(other, version);
        for (old, new) in [(version, other.as_str()), (OLD_WORDS, NEW_WORDS)] {
            replace(&mut answer, old.as_bytes(), new.as_bytes());
        }
    }
    caller.write_all(&answer)?;
    caller.shutdown(Shutdown::Both)
}

/// Replaces bytes by as many others.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    for at in 0..bytes.len().saturating_sub(old.len() - 1) {
        if &bytes[at..at + old.len()] == old {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
}

#[test]
fn a_new_version_takes_over_and_an_open_page_keeps_its_own() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    let front = Front::of(&program);
    let browser = Browser::start();
    browser.open(&front.url);
    browser.until("(async () => Boolean((await navigator.serviceWorker.ready) && navigator.serviceWorker.controller))()");
    browser.find("button", OLD_WORDS);

    front.update();
    browser.js("(async () => { window.first = navigator.serviceWorker.controller; await (await navigator.serviceWorker.ready).update(); })()");
    browser.until("navigator.serviceWorker.controller !== first && navigator.serviceWorker.controller.state === 'activated'");
    let words = |path: &str| {
        browser.js(&format!(
            "(async () => (await (await fetch('{path}')).text()).match(/(Choose|Select) songs/)[0])()"
        ))
    };
    assert_eq!(words("/js/strings.js"), OLD_WORDS, "what an open page loads later is of its own version");

    browser.reload();
    browser.find("button", NEW_WORDS);
    assert_eq!(words("/js/strings.js"), NEW_WORDS);
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // The new one also opens without the server.
    let stage = Stage { browser, program };
    drop(stage.program);
    stage.browser.reload();
    stage.browser.find("button", NEW_WORDS);
}
