//! Nothing sticks out of its place, whatever fonts a system has and however large its text is.

use karaoke_tests::Browser;
use serde_json::json;

/// Fonts that systems come with, from narrow to wide; `make test-tools` installs them.
const FONTS: [(&str, &str); 3] =
    [("Liberation Sans", "Liberation Serif"), ("Noto Sans", "Noto Serif"), ("DejaVu Sans", "DejaVu Serif")];
/// Text sizes as a share of the usual one, and the narrowest window that has to hold them, CSS pixels.
const SIZES: [(u32, u32); 2] = [(100, 320), (200, 390)];

/// Visible elements that reach beyond the window, or beyond the card, panel, bar or dialog that they are in.
///
/// What lies in an element that scrolls or is clipped is not looked at: there, it cannot reach beyond.
const OVERFLOWS: &str = "(() => {
    const places = 'main, header, footer, article, section, dialog, [role=group], .card, .recorder';
    const clipped = (node) => {
        for (let at = node.parentElement; at && at !== document.body; at = at.parentElement) {
            if (getComputedStyle(at).overflowX !== 'visible') return true;
        }
        return false;
    };
    const width = document.documentElement.clientWidth;
    const found = [...document.body.querySelectorAll('*')].filter((node) => {
        if (node.closest('svg') !== null && node.tagName !== 'svg') return false;
        if (!node.checkVisibility({ visibilityProperty: true })) return false;
        const box = node.getBoundingClientRect();
        const place = node.parentElement.closest(places)?.getBoundingClientRect();
        const right = Math.min(width, place?.right ?? width), left = Math.max(0, place?.left ?? 0);
        return box.width > 1 && box.height > 1 && (box.right > right + 1 || box.left < left - 1) && !clipped(node);
    });
    // Whatever makes its parents too wide comes first.
    const inner = found.filter((node) => !found.some((other) => other !== node && node.contains(other)));
    return inner.slice(0, 5).map((node) => node.outerHTML.slice(0, 160));
})()";

/// Checks a view at the window's present width with every font and text size.
pub fn assert_nothing_overflows(browser: &Browser, view: &str, width: u32) {
    for (percent, narrowest) in SIZES {
        let size = 16 * percent / 100;
        browser.text_size(size);
        assert_eq!(browser.js("getComputedStyle(document.documentElement).fontSize"), format!("{size}px"));
        for (sans, serif) in FONTS {
            if width < narrowest {
                continue;
            }
            browser.js(&format!(
                "(() => {{
                    const style = document.documentElement.style;
                    style.setProperty('--sans', \"'{sans}'\");
                    style.setProperty('--serif', \"'{serif}'\");
                }})()"
            ));
            let found = browser.js(OVERFLOWS);
            let what = format!("{view} at {width} px in {sans}, text at {percent} %");
            if found != json!([]) {
                browser.picture(&format!("overflow-{}", what.replace([' ', ',', '%'], "-")));
            }
            assert_eq!(found, json!([]), "{what}: this overflows its place");
        }
    }
    browser.text_size(16);
    browser.js("document.documentElement.removeAttribute('style')");
}

#[test]
fn the_fonts_that_layouts_are_tried_with_are_installed() {
    let page = crate::page::Page::quick();
    let widths = page.browser.js(&format!(
        "(() => {{
            const context = document.createElement('canvas').getContext('2d');
            return {}.map((font) => {{
                context.font = `100px '${{font}}', monospace`;
                return context.measureText('Wimmelbild, 0:00').width;
            }});
        }})()",
        json!(FONTS.iter().map(|(sans, _)| sans).chain(&["no such font"]).collect::<Vec<_>>())
    ));
    let widths: Vec<f64> = serde_json::from_value(widths).expect("numbers");
    for (at, width) in widths.iter().enumerate() {
        assert!(!widths[..at].contains(width), "two of these are the same font: {FONTS:?}, {widths:?}");
    }
}
