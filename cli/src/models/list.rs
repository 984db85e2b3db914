//! `karaoke models list`: presets and models, for people or as JSON.

use crate::console::{print, print_line};
use karaoke_core::Manifest;
use karaoke_core::manifest::{Kind, Quality};
use karaoke_models::speeds::{self, Speed, Speeds};
use karaoke_models::{Availability, Catalogue};
use serde::Serialize;
use std::path::Path;

/// `karaoke models list`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Everything that is listed.
#[derive(Serialize)]
struct Listing<'c> {
    default: Option<&'c str>,
    presets: Vec<PresetLine<'c>>,
    models: Vec<ModelLine<'c>>,
    broken: Vec<BrokenLine<'c>>,
}

/// A file of the models folder that had to be left out.
#[derive(Serialize)]
struct BrokenLine<'c> {
    file: &'c Path,
    reason: &'c str,
}

#[derive(Serialize)]
struct PresetLine<'c> {
    name: &'c str,
    title: &'c str,
    description: &'c str,
    /// The model it stands for; none when `missing` is to be pulled.
    model: Option<&'c str>,
    missing: Option<&'c str>,
}

#[derive(Serialize)]
struct ModelLine<'c> {
    name: &'c str,
    title: &'c str,
    description: &'c str,
    installed: bool,
    hidden: bool,
    kind: Kind,
    stems: Vec<&'c str>,
    bytes: Option<u64>,
    licence: &'c str,
    restriction: &'c str,
    attribution: &'c str,
    speed: Option<Speed>,
    quality: &'c [Quality],
}

/// `cache`: where workers remember how fast models are on this machine.
pub fn run(
    arguments: &Arguments,
    catalogue: &Catalogue,
    default: &str,
    cache: Option<&Path>,
) -> anyhow::Result<()> {
    let speeds = cache.map(speeds::read).unwrap_or_default();
    let listing = Listing {
        default: catalogue.resolve(default).ok().map(|m| m.name.as_str()),
        presets: presets(catalogue),
        models: models(catalogue, &speeds),
        broken: catalogue.broken().iter().map(|b| BrokenLine { file: &b.path, reason: &b.reason }).collect(),
    };
    if arguments.json {
        print_line(serde_json::to_string_pretty(&listing)?)?;
    } else {
        print(listing.text())?;
    }
    Ok(())
}

fn presets(catalogue: &Catalogue) -> Vec<PresetLine<'_>> {
    let line = |(preset, standing)| {
        let preset: &karaoke_models::Preset = preset;
        let (model, missing) = match standing {
            Availability::Model(m) => (Some(m.name.as_str()), None),
            Availability::Missing(m) => (None, Some(m.name.as_str())),
        };
        let (title, description) = (preset.title.as_str(), preset.description.as_str());
        PresetLine { name: &preset.name, title, description, model, missing }
    };
    catalogue.presets().map(line).collect()
}

/// The installed models, then those to be had.
fn models<'c>(catalogue: &'c Catalogue, speeds: &Speeds) -> Vec<ModelLine<'c>> {
    let all = catalogue.installed().chain(catalogue.available());
    all.map(|m| ModelLine {
        name: &m.name,
        title: &m.title,
        description: &m.description,
        installed: catalogue.is_installed(m),
        hidden: m.hidden,
        kind: m.kind,
        stems: m.all_stems().collect(),
        bytes: bytes(catalogue, m),
        licence: &m.licence,
        restriction: &m.restriction,
        attribution: &m.attribution,
        speed: speeds::of(speeds, catalogue, m),
        quality: &m.quality,
    })
    .collect()
}

/// Bytes of a model's files: as they lie there, or as its manifest says.
pub(super) fn bytes(catalogue: &Catalogue, manifest: &Manifest) -> Option<u64> {
    let declared = || catalogue.files(manifest).into_iter().map(|part| part.bytes).sum();
    catalogue.bytes(manifest).or_else(declared)
}

pub(super) fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "size unknown".to_owned(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6))
}

impl Listing<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.presets.is_empty() {
            text.push_str("Presets, for `karaoke separate -m` and for uploads:\n");
        }
        for preset in &self.presets {
            let PresetLine { name, description, .. } = preset;
            let standing = match preset.model {
                Some(model) => format!("now: {model}"),
                None => format!("not offered; get it with `karaoke models pull {name}`"),
            };
            text.push_str(&format!("  {name}: {description} ({standing})\n"));
        }
        for (installed, heading) in
            [(true, "Installed models:"), (false, "To be had with `karaoke models pull`:")]
        {
            let mut models = self.models.iter().filter(|m| m.installed == installed).peekable();
            if models.peek().is_some() {
                text.push_str(heading);
                text.push('\n');
            }
            models.for_each(|model| text.push_str(&model.text(self.default)));
        }
        text.push_str(&self.table());
        if !self.broken.is_empty() {
            text.push_str("Broken, and left out:\n");
        }
        for BrokenLine { reason, .. } in &self.broken {
            text.push_str(&format!("  {reason}\n"));
        }
        text
    }
}

impl Listing<'_> {
    /// The models side by side, of each test the best first; none where nothing was measured.
    fn table(&self) -> String {
        let mut tests: Vec<&str> = Vec::new();
        for quality in self.models.iter().flat_map(|model| model.quality) {
            if !tests.contains(&quality.test.as_str()) {
                tests.push(&quality.test);
            }
        }
        let mut text = String::new();
        for test in tests {
            let mut rows: Vec<_> = self
                .models
                .iter()
                .filter_map(|model| Some((model, model.quality.iter().find(|q| q.test == test)?)))
                .collect();
            let score = |q: &Quality| q.instrumental.or(q.vocals).unwrap_or(0.0);
            rows.sort_by(|a, b| score(b.1).total_cmp(&score(a.1)));
            text.push_str(&format!("Side by side, {test} (SDR of vocals and instrumental in dB):\n"));
            for (model, quality) in rows {
                text.push_str(&model.row(quality));
            }
        }
        text
    }
}

impl ModelLine<'_> {
    fn row(&self, quality: &Quality) -> String {
        let number = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
        let speed = self.speed.as_ref().map_or_else(
            || "-".to_owned(),
            |speed| format!("{:.0} x realtime", speed.audio_seconds_per_second),
        );
        let (vocals, instrumental) = (number(quality.vocals), number(quality.instrumental));
        let licence: String = self.licence.split(':').next().unwrap_or_default().to_owned();
        format!(
            "  {:<24} {vocals:>5} {instrumental:>5}  {speed:>14}  {:>9}  {licence}\n",
            self.name,
            megabytes(self.bytes),
        )
    }

    fn text(&self, default: Option<&str>) -> String {
        let Self { name, title, description, .. } = self;
        let mark = if default == Some(*name) { " (default)" } else { "" };
        let speed = match &self.speed {
            Some(s) => {
                format!("{:.1} times as fast as it plays ({})", s.audio_seconds_per_second, s.provider)
            }
            None if self.installed => "speed here not measured yet".to_owned(),
            None => String::new(),
        };
        let facts = [megabytes(self.bytes), self.licence.to_owned(), speed];
        let facts: Vec<_> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
        let mut text = format!("  {name}{mark}: {title}\n      {description}\n");
        text.push_str(&format!("      gives {}; {}\n", self.stems.join(", "), facts.join("; ")));
        if !self.restriction.is_empty() {
            text.push_str(&format!("      licence asks: {}\n", self.restriction));
        }
        text
    }
}
