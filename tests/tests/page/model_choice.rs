//! The choice of presets and models, and the note on their licences.

use crate::page::Page;
use karaoke_tests::Settings;
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
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
