//! The choice of presets and models, and the note on their licences.

use crate::page::Page;
use karaoke_tests::wait::until_sync;
use karaoke_tests::{FileServer, ServedFile, Settings};
use std::path::Path;

/// The repository's models, and the manifest of a public one whose file lies beside it.
fn models(dir: &Path) -> Settings {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in
        ["builtin.toml", "builtin.onnx", "centre.toml", "centre.onnx", "kim-vocal-2.toml", "htdemucs.toml"]
    {
        std::fs::copy(ours.join(name), dir.join(name)).expect("a model");
    }
    let preset = |name: &str, title: &str, model: &str| {
        format!(
            "[[preset]]\nname = '{name}'\ntitle = '{title}'\ndescription = '{title}, it is.'\nmodels = ['{model}']\n"
        )
    };
    let presets = preset("best", "Best", "kim-vocal-2") + &preset("four-stems", "Four stems", "htdemucs");
    std::fs::write(dir.join("presets.toml"), presets).expect("presets");
    // The model is not run here: the file only has to exist.
    std::fs::write(dir.join("Kim_Vocal_2.onnx"), b"weights").expect("a file");
    Settings::default().models(dir)
}

#[test]
fn presets_and_models_are_listed_and_licence_restrictions_are_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = Page::with(models(dir.path()));
    let browser = &page.browser;
    let choice = browser.find("combobox", "Separated with");
    let groups = choice.js("[...this.querySelectorAll('optgroup')].map((g) => g.label + ': ' + [...g.children].map((o) => o.value)).join('; ')");
    let groups = groups.as_str().expect("groups").to_owned();
    assert_eq!(groups, "By what you want: best; By model: builtin,centre,kim-vocal-2");
    assert_eq!(choice.js("this.value"), "builtin");
    let note = "document.getElementById('model-description').textContent";
    assert!(!browser.js(note).as_str().expect("a note").contains("Licence"), "nothing is asked for");
    choice.js("this.value = 'best', this.dispatchEvent(new Event('change')), this.value");
    let said = browser.js(note).as_str().expect("a note").to_owned();
    assert!(said.starts_with("Best, it is. Licence ") && said.contains("Ultimate Vocal Remover"), "{said}");
    browser.js("document.querySelector('#model-table summary').click()");
    let rows = "[...document.querySelectorAll('#model-table tbody tr')].map((row) => row.textContent)";
    let rows = browser.js(rows);
    let of = |title: &str| {
        let all = rows.as_array().expect("rows").iter().filter_map(|row| row.as_str());
        all.filter(|row| row.starts_with(title)).collect::<Vec<_>>()
    };
    assert!(of("Built-in")[0].contains("3.6 dB, 14.8 dB") && of("Built-in")[0].contains("2.5 MB"), "{rows}");
    assert!(
        of("Kim Vocal 2")[0].contains("as published") && of("Kim Vocal 2")[0].contains("none stated"),
        "{rows}"
    );
    browser.picture("models-side-by-side");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_better_model_on_its_way_is_told_and_chosen_once_it_is_there() {
    let (dir, files) = (tempfile::tempdir().expect("a folder"), FileServer::start());
    let settings = models(dir.path());
    let network = std::fs::read(dir.path().join("builtin.onnx")).expect("a network");
    files.put("/late.onnx", ServedFile::File(network));
    files.hold();
    let late = std::fs::read_to_string(dir.path().join("builtin.toml")).expect("a manifest");
    let late = late.replace("name = \"builtin\"", "name = \"late\"").replace("\"Built-in\"", "\"Late\"");
    let late = late
        .replace("builtin.onnx", "late.onnx")
        .replace("url = \"\"", &format!("url = \"{}/late.onnx\"", files.url));
    std::fs::write(dir.path().join("late.toml"), late).expect("a manifest");
    let preset =
        "[[preset]]\nname='standard'\ntitle='Standard'\ndescription='It is.'\nmodels=['late', 'builtin']\n";
    std::fs::write(dir.path().join("presets.toml"), preset).expect("presets");
    let page = Page::with(settings.set("models.default", "standard").set("models.fetch", "[\"standard\"]"));
    let browser = &page.browser;
    let choice = browser.find("combobox", "Separated with");
    let chosen = || choice.js("this.selectedOptions[0].textContent").as_str().unwrap_or_default().to_owned();
    let said = || {
        browser
            .js("document.getElementById('model-fetch').textContent")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(chosen(), "Standard (Built-in)");
    until_sync("the page says how much has come", || {
        said().contains("Late is being fetched (1.").then_some(())
    });
    files.release();
    until_sync("the better model is chosen", || (chosen() == "Standard (Late)").then_some(()));
    assert_eq!(browser.js("document.getElementById('model-fetch').hidden"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
