//! The first visit: transferred bytes, cookies, and (on request) the browser's performance metrics.

use crate::page::Page;
use karaoke_tests::{Browser, Line, Program, Settings};
use serde_json::Value;

/// Compressed, with headers, until the page is shown.
const MAX_BYTES: u64 = 150_000;

/// Lighthouse's phone: slow 4G and a processor a quarter as fast.
const SLOW_4G: Line = Line { latency_ms: 150, down_kbit: 1600, up_kbit: 750 };

#[test]
fn a_first_visit_transfers_less_than_150_kilobytes() {
    let page = Page::quick();
    let transfers = page.browser.transfers();
    let sum: u64 = transfers.iter().map(|t| t.bytes).sum();
    println!("{} answers, {sum} bytes", transfers.len());
    assert!(transfers.len() > 10, "{transfers:#?}");
    assert!(transfers.iter().any(|t| t.url.ends_with("/style.css") && t.bytes > 1000), "{transfers:#?}");
    assert!(sum < MAX_BYTES, "{sum} bytes: {transfers:#?}");
    let html = page.browser.js("performance.getEntriesByType('navigation')[0].encodedBodySize < \
        performance.getEntriesByType('navigation')[0].decodedBodySize / 2");
    assert_eq!(html, true, "it is compressed");
}

/// Runs before the page: records the browser's metrics.
const OBSERVE: &str = "window.measured = { lcp: 0, tasks: [] };
    new PerformanceObserver((l) => (measured.lcp = l.getEntries().at(-1).startTime)).observe({ type: 'largest-contentful-paint', buffered: true });
    new PerformanceObserver((l) => measured.tasks.push(...l.getEntries().map((e) => [e.startTime, e.duration]))).observe({ type: 'longtask', buffered: true });";

/// Waits until nothing was requested or painted for a while.
const SETTLED: &str = "(async () => {
    const state = () => JSON.stringify([measured, performance.getEntriesByType('resource').length]);
    for (let before; before !== state(); ) {
        before = state();
        await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    return true;
})()";

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// FCP, LCP, CLS, TBT (what long tasks after the first paint take beyond 50 ms), all as the browser tells, and bytes.
fn visit(url: &str, phone: bool) -> [f64; 5] {
    let browser = Browser::start();
    browser.before_each_page(OBSERVE);
    if phone {
        browser.view(390, 844);
        browser.slow_down(SLOW_4G, 4.0);
    }
    browser.open(url);
    let bytes: u64 = browser.transfers().iter().map(|t| t.bytes).sum();
    browser.until(SETTLED);
    let figures = browser.js("(() => {
        const fcp = performance.getEntriesByName('first-contentful-paint')[0].startTime;
        const tbt = measured.tasks.filter(([at]) => at >= fcp).reduce((sum, [, ms]) => sum + Math.max(0, ms - 50), 0);
        return [fcp, measured.lcp, audioProbe.shifts, tbt];
    })()");
    let figure = |i: usize| figures[i].as_f64().unwrap_or_else(|| panic!("{figures}"));
    [figure(0), figure(1), figure(2), figure(3), bytes as f64]
}

/// `cargo test -p karaoke-tests --test page measures -- --ignored --nocapture`
#[test]
#[ignore = "measures; benches/README.md says how to read it"]
fn measures_a_first_visit() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    println!("| first visit, median of 5 | FCP | LCP | CLS | TBT | transferred |\n|---|---|---|---|---|---|");
    for (name, phone) in
        [("1440 px, this machine", false), ("390 px, slow 4G, processor 4 times slower", true)]
    {
        let visits: Vec<_> = (0..5).map(|_| visit(&program.url, phone)).collect();
        let of = |i: usize| median(visits.iter().map(|v| v[i]).collect());
        println!(
            "| {name} | {:.0} ms | {:.0} ms | {:.4} | {:.0} ms | {:.1} kB |",
            of(0),
            of(1),
            of(2),
            of(3),
            of(4) / 1000.0
        );
    }
}

#[test]
fn cookies_are_http_only_strict_and_limited_to_the_track() {
    let page = Page::quick();
    page.upload("My Song.wav", &crate::page::short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    assert_eq!(page.browser.js("document.cookie"), "", "HttpOnly");
    let cookies = page.browser.cookies();
    assert!(!cookies.is_empty(), "the browser has the song's");
    for cookie in cookies {
        assert_eq!(
            (&cookie["httpOnly"], &cookie["sameSite"]),
            (&Value::Bool(true), &"Strict".into()),
            "{cookie}"
        );
        assert!(cookie["path"].as_str().is_some_and(|p| p.starts_with("/api/v1/tracks/")), "{cookie}");
    }
}
