//! A new version of the page is used at the next visit; an open page keeps its own files.

use crate::page::Page;
use karaoke_tests::{Browser, Program, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A proxy before a program; after [`Proxy::update`] it serves another version of the page, with another text.
struct Proxy {
    url: String,
    updated: Arc<AtomicBool>,
}

const OLD_TEXT: &str = "Choose songs";
const NEW_TEXT: &str = "Select songs";

impl Proxy {
    fn of(program: &Program) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let updated = Arc::new(AtomicBool::new(false));
        let upstream = program.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (flag, version) = (updated.clone(), version(&upstream));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (upstream, version, flag) = (upstream.clone(), version.clone(), flag.clone());
                // A client may close early.
                std::thread::spawn(move || forward(client, &upstream, &version, &flag).ok());
            }
        });
        Self { url, updated }
    }

    fn update(&self) {
        self.updated.store(true, Ordering::SeqCst);
    }
}

fn request(upstream: &str, head: &str) -> std::io::Result<Vec<u8>> {
    let mut line = TcpStream::connect(upstream)?;
    line.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The version that the program serves.
fn version(upstream: &str) -> String {
    let head = format!("GET / HTTP/1.1\r\nHost: {upstream}\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8_lossy(&request(upstream, &head).expect("an answer")).to_lowercase();
    let (_, after) = answer.split_once("x-page-version: ").expect("the page's version");
    after.split_whitespace().next().expect("a word").to_owned()
}

fn forward(
    mut client: TcpStream,
    upstream: &str,
    version: &str,
    updated: &AtomicBool,
) -> std::io::Result<()> {
    let mut head = String::new();
    let mut from = BufReader::new(client.try_clone()?);
    for line in from.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        // Complete, uncompressed responses, one per connection.
        if !["connection", "accept-encoding", "if-none-match"].contains(&name.as_str()) {
            head += &format!("{line}\r\n");
        }
    }
    let mut answer = request(upstream, &format!("{head}Connection: close\r\n\r\n"))?;
    if updated.load(Ordering::SeqCst) {
        let other: String = version.chars().rev().collect();
        assert_ne!(other, version);
        for (old, new) in [(version, other.as_str()), (OLD_TEXT, NEW_TEXT)] {
            replace(&mut answer, old.as_bytes(), new.as_bytes());
        }
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// Replaces each occurrence of `old` by `new`, which has the same length.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    for at in 0..bytes.len().saturating_sub(old.len() - 1) {
        if &bytes[at..at + old.len()] == old {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
}

#[test]
fn a_new_version_is_used_after_a_reload_and_an_open_page_keeps_its_own() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    let proxy = Proxy::of(&program);
    let browser = Browser::start();
    browser.open(&proxy.url);
    browser.until("(async () => Boolean((await navigator.serviceWorker.ready) && navigator.serviceWorker.controller))()");
    browser.find("button", OLD_TEXT);

    proxy.update();
    browser.js("(async () => { window.first = navigator.serviceWorker.controller; await (await navigator.serviceWorker.ready).update(); })()");
    browser.until("navigator.serviceWorker.controller !== first && navigator.serviceWorker.controller.state === 'activated'");
    let text_of = |path: &str| {
        browser.js(&format!(
            "(async () => (await (await fetch('{path}')).text()).match(/(Choose|Select) songs/)[0])()"
        ))
    };
    assert_eq!(text_of("/js/strings.js"), OLD_TEXT, "an open page loads files of its own version");

    browser.reload();
    browser.find("button", NEW_TEXT);
    assert_eq!(text_of("/js/strings.js"), NEW_TEXT);
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // The new one also opens without the server.
    let page = Page { browser, program };
    drop(page.program);
    page.browser.reload();
    page.browser.find("button", NEW_TEXT);
}
