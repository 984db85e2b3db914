//! `karaoke models pull`: shows licences, asks where one restricts, fetches, and says how it went.

use super::list::{bytes, megabytes};
use crate::config::Config;
use crate::console::{note, print_line};
use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use karaoke_core::Manifest;
use karaoke_models::Catalogue;
use karaoke_pull::{Options, Outcome, Puller};
use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

/// `karaoke models pull`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The models or presets (see `karaoke models list`).
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Accept what the licences ask for, without being asked.
    #[arg(long, short, visible_alias = "accept-licence")]
    yes: bool,
    /// No progress bars.
    #[arg(long, short)]
    quiet: bool,
}
/// Fetches the models asked for, one after another; the error names the first that failed.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    let catalogue = config.catalogue()?;
    let (mirror, proxy) = (config.models.mirror, config.models.proxy);
    let puller = Puller::new(&Options { mirror, proxy, ..Options::default() })?;
    let wanted = wanted(&catalogue, &arguments.names)?;
    let missing: Vec<&Manifest> = wanted.iter().copied().filter(|m| !catalogue.is_installed(m)).collect();
    for manifest in &missing {
        note(licence(&catalogue, manifest, &puller.origin(manifest)?));
    }
    let restricting: Vec<String> =
        missing.iter().filter(|m| !m.restriction.is_empty()).map(|m| m.name.to_string()).collect();
    if !restricting.is_empty() && !arguments.yes {
        tokio::task::spawn_blocking(move || consent(&restricting)).await??;
    }
    for manifest in wanted {
        let outcome = fetch(&puller, &catalogue, manifest, arguments.quiet).await;
        match outcome.with_context(|| format!("model `{}`", manifest.name))? {
            Outcome::Already => print_line(format_args!("{}: is there already, and good", manifest.name))?,
            Outcome::Fetched => print_line(format_args!("{}: fetched, and good", manifest.name))?,
        }
    }
    Ok(())
}

/// The models whose files are needed, each once.
fn wanted<'c>(catalogue: &'c Catalogue, names: &[String]) -> anyhow::Result<Vec<&'c Manifest>> {
    let mut wanted: Vec<&Manifest> = Vec::new();
    for name in names {
        for part in catalogue.files(catalogue.wanted(name)?) {
            if !wanted.iter().any(|m| m.name == part.name) {
                wanted.push(part);
            }
        }
    }
    Ok(wanted)
}

fn licence(catalogue: &Catalogue, manifest: &Manifest, origin: &str) -> String {
    let Manifest { name, title, licence, restriction, attribution, .. } = manifest;
    let size = megabytes(bytes(catalogue, manifest));
    let mut text = format!("{name}: {title}, {size}, from {origin}\n    licence: {licence}\n");
    if !attribution.is_empty() {
        text.push_str(&format!("    by: {attribution}\n"));
    }
    if !restriction.is_empty() {
        text.push_str(&format!("    licence asks: {restriction}\n"));
    }
    text
}

/// Asks whether the licences of these models are accepted; an error when they are not.
fn consent(names: &[String]) -> anyhow::Result<()> {
    let names = names.join(", ");
    let somebody = io::stdin().is_terminal() && io::stderr().is_terminal();
    ensure!(
        somebody,
        "the licence of {names} asks for something (above); add --accept-licence to accept that"
    );
    note(format_args!("Do you accept what the licence of {names} asks for? [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let accepted = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    ensure!(accepted, "not accepted; nothing was fetched");
    Ok(())
}

async fn fetch(
    puller: &Puller,
    catalogue: &Catalogue,
    manifest: &Manifest,
    quiet: bool,
) -> anyhow::Result<Outcome> {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) }.with_style(style());
    bar.set_prefix(manifest.name.to_string());
    let shown = bar.clone();
    let progress = Arc::new(move |have, total: Option<u64>| {
        if let Some(total) = total {
            shown.set_length(total);
        }
        shown.set_position(have);
    });
    let outcome = puller.pull(manifest, &catalogue.path(manifest), progress).await;
    bar.finish_and_clear();
    Ok(outcome?)
}

fn style() -> ProgressStyle {
    // The template is a constant; were it wrong, the plain bar would do.
    ProgressStyle::with_template(
        "{prefix:.bold} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}
