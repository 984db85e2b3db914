//! The configuration: `config.toml`, then the environment (`KARAOKE__SECTION__KEY`), then flags.

mod renamed;

use crate::console::complain;
use crate::log::LogConfig;
use anyhow::{Context, ensure};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use karaoke_models::{Catalogue, ModelsConfig};
use karaoke_notify::{EmailConfig, Mailer};
use karaoke_queue::ServerQueue;
use karaoke_queue::rabbit::BrokerConfig;
use karaoke_server::client::QuotasConfig;
use karaoke_server::http::HttpConfig;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::notification::NotificationsConfig;
use karaoke_server::pipeline::{ChunkingConfig, DispatchConfig, LimitsConfig, Parts};
use karaoke_server::receipt::BillingConfig;
use karaoke_server::store::StoreConfig;
use karaoke_telemetry::TelemetryConfig;
use karaoke_worker::{SimulationConfig, WorkerConfig};
use renamed::{Warnings, WithNewNames};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the names of environment variables that are settings begin with.
pub const PREFIX: &str = "KARAOKE__";

/// Every setting; each section belongs to the module that uses it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub http: HttpConfig,
    pub store: StoreConfig,
    pub models: ModelsConfig,
    pub chunking: ChunkingConfig,
    pub dispatch: DispatchConfig,
    pub limits: LimitsConfig,
    pub billing: BillingConfig,
    pub quotas: QuotasConfig,
    pub notifications: NotificationsConfig,
    pub email: EmailConfig,
    pub broker: BrokerConfig,
    pub worker: WorkerConfig,
    pub log: LogConfig,
    pub telemetry: TelemetryConfig,
    pub simulation: SimulationConfig,
}

impl Config {
    /// The file that is read when `file` is asked for: that, or `config.toml` of the working directory, if it is there.
    pub fn file(file: Option<&Path>) -> Option<&Path> {
        Some(file.unwrap_or(Path::new("config.toml"))).filter(|path| path.is_file())
    }

    /// Reads `file` (or `config.toml`, if there is one) and the environment, and refuses what cannot be.
    ///
    /// Also returns a sentence for each key that was given by the name it had in an earlier version.
    pub fn read(file: Option<&Path>) -> anyhow::Result<(Self, Vec<String>)> {
        let path = Self::file(file);
        ensure!(
            file.is_none() || path.is_some(),
            "there is no configuration file {}",
            file.unwrap_or(Path::new("")).display()
        );
        let warnings = Warnings::default();
        let mut figment = Figment::new();
        if let Some(path) = path {
            let source = Toml::file_exact(path);
            figment = figment.merge(WithNewNames { source, warnings: warnings.clone() });
        }
        let source = Env::prefixed(PREFIX).split("__");
        figment = figment.merge(WithNewNames { source, warnings: warnings.clone() });
        let mut config: Self = figment.extract().map_err(|e| anyhow::anyhow!(one_line(&e)))?;
        config.check()?;
        config.models.dir = find(&config.models.dir);
        Ok((config, warnings.sentences()))
    }

    /// The models; files of the folder that are wrong are told on standard error and left out.
    pub fn catalogue(&self) -> anyhow::Result<Catalogue> {
        let catalogue = Catalogue::open(&self.models.dir)?;
        for broken in catalogue.broken() {
            complain(format_args!("warning: {}; it is left out.", broken.reason));
        }
        Ok(catalogue)
    }

    /// What the server's pipeline is made of.
    pub fn parts(self, catalogue: Catalogue, queue: Arc<dyn ServerQueue>, fetches: FetchStatus) -> Parts {
        Parts {
            store: self.store,
            chunking: self.chunking,
            dispatch: self.dispatch,
            limits: self.limits,
            billing: self.billing,
            quotas: self.quotas,
            notifications: self.notifications,
            email: self.email,
            catalogue,
            default_model: self.models.default,
            fetches,
            speeds: self.worker.cache_folder(),
            queue,
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.worker.check()?;
        self.log.check()?;
        self.telemetry.check()?;
        self.simulation.check()?;
        self.broker.check()?;
        self.billing.check()?;
        self.notifications.check().map_err(anyhow::Error::msg)?;
        Mailer::new(&self.email).map_err(anyhow::Error::msg)?;
        let url = &self.http.public_url;
        let is_url = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
        ensure!(is_url, "http.public_url is an address such as https://karaoke.example.org");
        ensure!(
            self.email.smtp.is_empty() || !url.is_empty(),
            "http.public_url must say where the page is, for the links in mail (email.smtp)"
        );
        self.http.host.parse::<std::net::IpAddr>().context("http.host must be an IP address")?;
        let timeout = self.http.header_timeout_s;
        ensure!((0.1..=3600.0).contains(&timeout), "http.header_timeout_s must lie between 0.1 and 3600");
        let is_origin = |origin: &String| {
            origin == "*" || (origin.contains("://") && !origin.ends_with('/') && origin.is_ascii())
        };
        ensure!(
            self.http.cors_origins.iter().all(is_origin),
            "http.cors_origins holds origins such as https://example.org, without a path, or *"
        );
        let overlap = self.chunking.overlap;
        ensure!((0.0..0.99).contains(&overlap), "chunking.overlap must be at least 0 and below 0.99");
        ensure!(self.chunking.max_message_bytes >= 1024, "chunking.max_message_bytes must be at least 1024");
        ensure!(self.dispatch.max_attempts >= 1, "dispatch.max_attempts must be at least 1");
        let lease = self.dispatch.lease_s;
        ensure!((0.1..=86_400.0).contains(&lease), "dispatch.lease_s must lie between 0.1 and 86400");
        let straggler = self.dispatch.straggler;
        ensure!((1.0..=1000.0).contains(&straggler), "dispatch.straggler must lie between 1 and 1000");
        ensure!(self.limits.active_tracks >= 1, "limits.active_tracks must be at least 1");
        ensure!((1..=64).contains(&self.limits.decoders), "limits.decoders must lie between 1 and 64");
        ensure!(self.limits.unfinished_uploads >= 1, "limits.unfinished_uploads must be at least 1");
        let hours = self.limits.unfinished_hours;
        ensure!(hours > 0.0 && hours <= 8784.0, "limits.unfinished_hours must be above 0 and at most 8784");
        let wait = self.limits.decode_wait_s;
        ensure!((0.0..=600.0).contains(&wait), "limits.decode_wait_s must lie between 0 and 600");
        Ok(())
    }
}

fn one_line(error: &figment::Error) -> String {
    format!("configuration: {error}").replace('\n', "; ")
}

/// A relative folder that is not under the working directory is looked for around the program itself, so
/// that the program can be called from anywhere.
fn find(dir: &Path) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let mut places = program.ancestors().skip(1).map(|place| place.join(dir));
    if dir.is_dir() {
        return dir.to_owned();
    }
    places.find(|place| place.is_dir()).unwrap_or_else(|| dir.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SAMPLE: &str = include_str!("../../../config.toml");

    /// Every key of a table, as `section.key = value`.
    fn lines(text: &str) -> BTreeSet<String> {
        let table: toml::Table = toml::from_str(text).unwrap();
        let mut lines = BTreeSet::new();
        for (section, keys) in table {
            for (key, value) in keys.as_table().unwrap() {
                lines.insert(format!("{section}.{key} = {value}"));
            }
        }
        lines
    }

    #[test]
    fn the_sample_holds_every_setting_with_its_default() {
        assert_eq!(lines(SAMPLE), lines(&toml::to_string(&Config::default()).unwrap()));
    }

    #[test]
    fn every_setting_of_the_sample_has_a_comment() {
        let mut commented = false;
        for line in SAMPLE.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(commented, "no comment above: {line}");
            }
            commented = line.starts_with('#');
        }
    }

    #[test]
    fn unknown_keys_and_impossible_values_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        for (text, word) in [
            ("[http]\nprot = 1", "prot"),
            ("[htpt]", "htpt"),
            ("[http]\nport = 99999", "port"),
            ("[chunking]\noverlap = 1.5", "overlap"),
            ("[worker]\nloaded_models = 0", "loaded_models"),
            ("[simulation]\nfault = \"sleep\"", "fault"),
            ("[simulation]\ndrop_replies = 2.0", "drop_replies"),
            ("[limits]\ndecoders = 0", "decoders"),
            ("[http]\ncors_origins = [\"https://a.org/\"]", "cors_origins"),
            ("[http]\nheader_timeout_s = 0.0", "header_timeout_s"),
            ("[http]\npublic_url = \"example.org\"", "public_url"),
            ("[email]\nsmtp = \"mail.example.org\"", "email.smtp"),
            ("[email]\nsmtp = \"smtp://localhost\"\nfrom = \"k@example.org\"", "public_url"),
            ("[notifications]\nkeep_days = 0", "keep_days"),
            ("[log]\nlevel = \"a=b=c\"", "log.level"),
            ("[telemetry]\nsample = 2.0", "telemetry.sample"),
            ("[telemetry]\notlp_endpoint = \"collector:4318\"", "otlp_endpoint"),
            ("[log]\nformat = \"xml\"", "format"),
            ("[billing]\ncurrency = \"euro\"", "currency"),
            ("[limits]\nunfinished_hours = 0.0", "unfinished_hours"),
            ("[limits]\nliving_tracks = 3\nactive_tracks = 3", "living_tracks"),
            ("not toml", "c.toml"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", Config::read(Some(&path)).unwrap_err());
            assert!(error.contains(word) && !error.contains('\n'), "{text}: {error}");
        }
    }
    #[test]
    fn a_key_by_its_old_name_is_read_with_one_warning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, "[limits]\nliving_tracks = 3").unwrap();
        let (config, warnings) = Config::read(Some(&path)).unwrap();
        assert_eq!(config.limits.active_tracks, 3);
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.contains("limits.living_tracks") && warning.contains("limits.active_tracks"));
        std::fs::write(&path, "[limits]\nactive_tracks = 4").unwrap();
        let (config, warnings) = Config::read(Some(&path)).unwrap();
        assert_eq!((config.limits.active_tracks, warnings.len()), (4, 0));
    }
}
