//! By when a song is needed: chosen before the upload, shown on its card.

use crate::page::{Page, short_song};

#[test]
fn a_deadline_is_chosen_with_the_model_and_shown_on_the_card() {
    let page = Page::quick();
    let browser = &page.browser;
    assert_eq!(browser.find("combobox", "Needed").js("this.selectedOptions[0].text"), "whenever it is done");
    page.upload("First Song.wav", &short_song().wav_16());
    page.until_card("First Song", "Ready to sing");
    let card = page.card("First Song").text();
    assert!(!card.contains("in time"), "{card}");

    browser.js("document.getElementById('deadline').value = String(30 * 60)");
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.until_card("My Song", "in time for");
    let asked = browser.js(
        "(async () => {
            const all = JSON.parse(localStorage.getItem('karaoke.tracks'));
            const tracks = await Promise.all(all.map(async ({ id, passcode }) => {
                const answer = await fetch(`/api/v1/tracks/${id}`, { headers: { 'X-Track-Passcode': passcode } });
                return answer.json();
            }));
            const { deadline, created_at } = tracks.find(({ file_name }) => file_name === 'My Song.wav');
            return [deadline.status, Math.round((new Date(deadline.at) - new Date(created_at)) / 60000)];
        })()",
    );
    assert_eq!(asked, serde_json::json!(["met", 30]));
}
