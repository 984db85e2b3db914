//! The operator's page: opened with the admin key, orders workers, tests webhooks.

use crate::axe;
use crate::page::Page;
use karaoke_tests::receiver::WebhookReceiver;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Settings, Theme};

/// What the page says.
fn words(page: &Page) -> String {
    page.browser.js("document.body.innerText").as_str().expect("text").to_owned()
}

fn until_words(page: &Page, words_wanted: &str) {
    until_sync(&format!("the page says “{words_wanted}”"), || {
        words(page).contains(words_wanted).then_some(())
    });
}

#[test]
fn the_operator_drains_a_worker_and_tests_a_webhook() {
    let settings = Settings::default()
        .set("worker.workers", 2)
        .set("http.admin_key", "open-sesame")
        .set("broker.presence_s", 0.2)
        .set("notifications.allow_private", true);
    let page = Page::with(settings);
    let browser = &page.browser;
    assert_eq!(
        browser.js("document.querySelector('.operator-link').href"),
        format!("{}/operator.html", page.program.url)
    );
    browser.open(&format!("{}/operator.html", page.program.url));
    browser.until("document.documentElement.hasAttribute('data-awake')");
    let enter = |key: &str| {
        browser.find("textbox", "Admin key").click();
        browser.type_text(key);
        browser.press("Enter");
    };
    enter("wrong");
    until_words(&page, "This is not the admin key");
    enter("open-sesame");
    until_words(&page, "Told of every song");
    browser.find("button", "Drain w1").click();
    until_words(&page, "drained by the operator");
    assert!(browser.look_for("button", "Stop w1").is_none(), "it can only be restarted");
    browser.find("button", "Restart w1").click();
    until_sync("it is back", || browser.look_for("button", "Stop w1").map(|_| ()));

    let receiver = WebhookReceiver::start();
    browser.find("textbox", "New webhook").click();
    browser.type_text(&receiver.url);
    browser.press("Enter");
    until_words(&page, "whsec_");
    browser.find("button", &format!("Test {}", receiver.url)).click();
    until_words(&page, "The test has arrived");
    assert_eq!(receiver.received().len(), 1);
    browser.reload();
    until_words(&page, &receiver.url);
    assert!(!words(&page).contains("whsec_"), "it is shown once");
    let mut findings = String::new();
    for theme in [Theme::Light, Theme::Dark] {
        browser.theme(theme);
        for width in [320, 1440] {
            browser.view(width, 900);
            browser.picture(&format!("operator-{}-{width}", theme.name()));
            axe::check(browser, &format!("operator {} {width}", theme.name()), &mut findings);
        }
    }
    axe::assert_clean(&findings);
    browser.find("button", &format!("Remove {}", receiver.url)).click();
    until_sync("it is gone", || (!words(&page).contains(&receiver.url)).then_some(()));
    let others = |complaint: &String| !complaint.contains("/api/v1/tracks?limit=1");
    assert_eq!(browser.complaints().into_iter().filter(others).count(), 0, "beside the wrong key");
}
