//! The models folder: what is installed, broken or damaged, and whether there is a model for those who do not choose.

use super::report::Finding;
use crate::config::Config;
use karaoke_core::Manifest;
use karaoke_models::{Catalogue, ModelError};
use karaoke_pull::{Options, Puller};

const NAME: &str = "models";
const DEFAULT: &str = "default model";

/// What there is in the folder.
#[derive(Debug, Default)]
struct Models {
    installed: Vec<String>,
    /// Fetched by itself at the next start.
    pending: Vec<String>,
    /// Why files were left out.
    broken: Vec<String>,
    /// What is wrong with files, and the name of a model that can be fetched again.
    damaged: Vec<(String, Option<String>)>,
}

/// The model of those who do not choose.
#[derive(Debug)]
enum DefaultModel {
    Installed(String),
    /// Why it is not there, and whether it can be fetched.
    Missing(String, bool),
}

/// Looks at the folder, and reads all of it: digests. Blocking.
pub fn look(config: &Config) -> Vec<Finding> {
    let catalogue = match Catalogue::open(&config.models.dir) {
        Ok(catalogue) => catalogue,
        Err(error) => return vec![no_folder(&error)],
    };
    let mut findings = judge(&read(config, &catalogue));
    findings.push(judge_default(&config.models.default, &default_model(config, &catalogue)));
    findings
}

fn read(config: &Config, catalogue: &Catalogue) -> Models {
    let mut models = Models::default();
    models.broken.extend(catalogue.broken().iter().map(|broken| broken.reason.clone()));
    models.installed.extend(catalogue.installed().map(|m| m.name.to_string()));
    for name in &config.models.fetch {
        let parts = catalogue.wanted(name).map(|wanted| catalogue.files(wanted)).unwrap_or_default();
        let missing = parts.into_iter().filter(|part| !catalogue.is_installed(part));
        models.pending.extend(missing.map(|part| part.name.to_string()));
    }
    // An ensemble is its members, and they are among the others.
    for manifest in catalogue.installed().filter(|m| m.ensemble.is_none()) {
        if let Err(error) = catalogue.verify(manifest) {
            let again = can_be_fetched(config, manifest).then(|| manifest.name.to_string());
            models.damaged.push((error.to_string(), again));
        }
    }
    models
}

fn default_model(config: &Config, catalogue: &Catalogue) -> DefaultModel {
    let name = &config.models.default;
    match catalogue.resolve(name) {
        Ok(manifest) => DefaultModel::Installed(manifest.name.to_string()),
        Err(error) => {
            let parts = catalogue.wanted(name).map(|wanted| catalogue.files(wanted)).unwrap_or_default();
            let fetchable = !parts.is_empty()
                && parts.iter().all(|part| catalogue.is_installed(part) || can_be_fetched(config, part));
            DefaultModel::Missing(error.to_string(), fetchable)
        }
    }
}

/// Whether somebody offers the file; nobody is asked.
fn can_be_fetched(config: &Config, manifest: &Manifest) -> bool {
    let (mirror, proxy) = (config.models.mirror.clone(), config.models.proxy.clone());
    let puller = Puller::new(&Options { mirror, proxy, ..Options::default() });
    puller.and_then(|puller| puller.origin(manifest)).is_ok()
}

fn no_folder(error: &ModelError) -> Finding {
    Finding::wrong(
        NAME,
        error.to_string(),
        "Set models.dir to the project's folder models/, or a copy of it.",
    )
}

fn judge(models: &Models) -> Vec<Finding> {
    let Models { installed, pending, broken, damaged } = models;
    let mut findings = Vec::new();
    if installed.is_empty() {
        let remedy = "Copy the project's models/ there, or fetch one: `karaoke models pull standard`.";
        findings.push(Finding::wrong(NAME, "none is installed", remedy));
    } else {
        let mut said = format!("installed: {}", installed.join(", "));
        if !pending.is_empty() {
            said.push_str(&format!("; fetched while the next start serves: {}", pending.join(", ")));
        }
        findings.push(Finding::ok(NAME, said));
    }
    let left_out = |reason: &String| {
        Finding::warning(NAME, format!("{reason}; it is left out"), "Correct that file, or remove it.")
    };
    findings.extend(broken.iter().map(left_out));
    findings.extend(damaged.iter().map(|(reason, again)| {
        let remedy = match again {
            Some(name) => format!("Run `karaoke models pull {name}`."),
            None => "Copy the file from the project again.".to_owned(),
        };
        Finding::wrong(NAME, reason, remedy)
    }));
    findings
}

fn judge_default(name: &str, model: &DefaultModel) -> Finding {
    match model {
        DefaultModel::Installed(model) if model == name => {
            Finding::ok(DEFAULT, format!("{name} is installed"))
        }
        DefaultModel::Installed(model) => {
            Finding::ok(DEFAULT, format!("{name} stands for {model}, which is installed"))
        }
        DefaultModel::Missing(why, true) => Finding::warning(
            DEFAULT,
            why,
            format!("Run `karaoke models pull {name}`, or set models.default."),
        ),
        DefaultModel::Missing(why, false) => {
            Finding::warning(DEFAULT, why, "Set models.default to one that `karaoke models list` shows.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn verdicts(models: &Models) -> Vec<Verdict> {
        judge(models).iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn broken_files_are_left_out_and_damaged_ones_are_wrong() {
        assert_eq!(verdicts(&Models::default()), [Verdict::Wrong]);
        let mut models = Models { installed: vec!["a".into()], ..Models::default() };
        assert_eq!(verdicts(&models), [Verdict::Ok]);
        models.broken.push("b.toml: no".into());
        models.damaged.push(("a.onnx has another sha256".into(), Some("a".into())));
        assert_eq!(verdicts(&models), [Verdict::Ok, Verdict::Warning, Verdict::Wrong]);
        assert!(judge(&models)[2].remedy.contains("karaoke models pull a"));
    }

    #[test]
    fn without_a_default_model_one_has_to_be_chosen() {
        let said = |model| judge_default("standard", &model);
        assert_eq!(said(DefaultModel::Installed("builtin".into())).verdict, Verdict::Ok);
        assert!(said(DefaultModel::Missing("no".into(), true)).remedy.contains("models pull standard"));
        assert!(said(DefaultModel::Missing("no".into(), false)).remedy.contains("models.default"));
    }
}
