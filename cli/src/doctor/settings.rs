//! The configuration: which file is read, what is wrong, and what was meant for it and is not read.

use super::report::Finding;
use crate::config::{Config, PREFIX};
use crate::error_message::one_sentence;
use std::path::{Path, PathBuf};

const NAME: &str = "configuration";

/// Reads the configuration as every command does; none when it cannot be.
pub fn look(file: Option<&Path>) -> (Vec<Finding>, Option<Config>) {
    let variables: Vec<String> =
        std::env::vars_os().filter_map(|(name, _)| Some(name.to_str()?.to_ascii_uppercase())).collect();
    let mut findings = Vec::new();
    let config = match Config::read(file) {
        Ok((config, renamed)) => {
            let path = Config::file(file).map(|path| std::path::absolute(path).unwrap_or(path.to_owned()));
            findings.push(sources(path, &variables));
            findings
                .extend(renamed.into_iter().map(|told| Finding::warning(NAME, told, "Use the new name.")));
            Some(config)
        }
        Err(error) => {
            let remedy = "Correct it; the rest is looked at once it can be read.";
            findings.push(Finding::wrong(NAME, one_sentence(&error), remedy));
            None
        }
    };
    findings.extend(unread(&variables));
    (findings, config)
}

/// Where the settings come from.
fn sources(file: Option<PathBuf>, variables: &[String]) -> Finding {
    let set = variables.iter().filter(|name| name.starts_with(PREFIX)).count();
    let file = file.map_or_else(
        || "there is no config.toml here, so that the defaults are used".to_owned(),
        |path| format!("{} is read", path.display()),
    );
    Finding::ok(NAME, format!("{file}; environment variables that set something: {set}"))
}

/// Variables that are no settings only because an underscore is missing.
fn unread(variables: &[String]) -> Vec<Finding> {
    let settings = serde_json::to_value(Config::default()).unwrap_or_default();
    let keys = settings.as_object().into_iter().flatten().flat_map(|(section, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, _)| (section.clone(), key.clone()))
    });
    let slips = keys.filter_map(|(section, key)| {
        let slip = format!("KARAOKE_{section}_{key}").to_ascii_uppercase();
        let meant = format!("{PREFIX}{section}__{key}").to_ascii_uppercase();
        let found = variables.contains(&slip);
        found.then(|| Finding::warning(NAME, format!("{slip} is not read"), format!("Call it {meant}.")))
    });
    slips.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_one_underscore_is_pointed_out() {
        let names = ["KARAOKE_HTTP_PORT", "KARAOKE_STAGES", "KARAOKE__STORE__DIR", "PATH"].map(str::to_owned);
        let [slip] = &unread(&names)[..] else { panic!("{:?}", unread(&names)) };
        assert!(slip.said.contains("KARAOKE_HTTP_PORT") && slip.remedy.contains("KARAOKE__HTTP__PORT"));
        assert!(sources(None, &names).said.ends_with(": 1"));
    }
}
