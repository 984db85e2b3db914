//! Being told that a song is ready: by the browser while nobody looks at the page, and by mail.

use crate::page::{Page, short_song};
use karaoke_tests::receiver::MailServer;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Browser, Settings};

/// What the browser agreed to show. A browser without a screen takes it away at once, so it cannot be asked later.
const RECORDER: &str = "window.shown = [];
    const show = ServiceWorkerRegistration.prototype.showNotification;
    ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
        await show.call(this, title, options);
        window.shown.push(options.body);
    };";

#[test]
fn the_browser_tells_of_a_song_only_while_nobody_looks() {
    let browser = Browser::start();
    browser.before_each_page(RECORDER);
    let page = Page::with_browser(Settings::default(), browser);
    let browser = &page.browser;
    browser.until("navigator.serviceWorker.ready.then(() => true)");
    browser.deny("notifications");
    let choice = || browser.find("checkbox", "Tell me here when a song is ready");
    choice().click();
    browser.until("document.getElementById('notify-note').textContent.includes('does not let')");
    assert_eq!(choice().js("this.checked"), false, "it says what it does");
    browser.allow("notifications");
    choice().click();
    browser.until(
        "document.getElementById('notify').checked && !document.getElementById('notify-note').textContent",
    );

    page.upload("Watched.wav", &short_song().wav_16());
    page.until_card("Watched", "Ready to sing");
    browser.js("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })");
    page.upload("Unwatched.wav", &short_song().wav_16());
    page.until_card("Unwatched", "Ready to sing");
    let shown = until_sync("the browser tells", || {
        let shown = browser.js("window.shown");
        shown.as_array().is_some_and(|all| !all.is_empty()).then_some(shown)
    });
    assert_eq!(shown, serde_json::json!(["“Unwatched” is ready to sing."]));
    browser.reload();
    browser.until("document.documentElement.hasAttribute('data-awake')");
    assert_eq!(choice().js("this.checked"), true, "it is remembered");
    assert!(browser.look_for("textbox", "Send mail to").is_none(), "this server sends none");
}

#[test]
fn mail_is_asked_for_where_the_server_sends_it() {
    let mail = MailServer::start();
    let settings = Settings::default()
        .set("email.smtp", &mail.url)
        .set("email.from", "karaoke@example.org")
        .set("http.public_url", "https://karaoke.example.org");
    let page = Page::with(settings);
    let field = page.browser.find("textbox", "Send mail to");
    field.click();
    page.browser.type_text("me@example.org");
    page.upload("My Song.wav", &short_song().wav_16());
    let mails = until_sync("mail arrives", || {
        let mails = mail.mails();
        (!mails.is_empty()).then_some(mails)
    });
    assert!(mails[0].contains("To: me@example.org"), "{}", mails[0]);
    page.browser.picture("mail");
}
