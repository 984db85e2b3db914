//! `karaoke keys`: keys of the API for its clients, made and revoked beside a server that runs or not.

use crate::config::Config;
use crate::console::print_line;
use anyhow::{Context, ensure};
use karaoke_server::client::ApiKey;
use karaoke_server::keys;
use karaoke_server::store::Store;

/// `karaoke keys`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a key and prints it, this once; 0 or nothing: without that limit.
    Create {
        /// Whose it is, for people.
        name: String,
        /// Songs within any 24 hours.
        #[arg(long, value_name = "N", default_value_t = 0)]
        tracks_per_day: u32,
        /// Minutes of audio within any 24 hours.
        #[arg(long, value_name = "N", default_value_t = 0)]
        audio_minutes_per_day: u32,
        /// Songs in work or waiting at once.
        #[arg(long, value_name = "N", default_value_t = 0)]
        active_tracks: u32,
        /// Bytes of its songs on the disk.
        #[arg(long, value_name = "N", default_value_t = 0)]
        kept_bytes: u64,
    },
    /// Lists all keys: id, name, limits, when they were made and revoked.
    List,
    /// Takes a key no longer, from this moment on.
    Revoke {
        /// Its id, as `karaoke keys list` shows it.
        id: String,
    },
}

/// Runs a subcommand of `karaoke keys` on the store of the configuration.
pub async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let dir = &config.store.dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the folder {} (store.dir)", dir.display()))?;
    let store = Store::open(dir).await?;
    let outcome = run_on(command, &store).await;
    store.close().await;
    outcome
}

async fn run_on(command: Command, store: &Store) -> anyhow::Result<()> {
    match command {
        Command::Create { name, tracks_per_day, audio_minutes_per_day, active_tracks, kept_bytes } => {
            let quotas = keys::Quotas { tracks_per_day, audio_minutes_per_day, active_tracks, kept_bytes };
            let (key, secret) = keys::create(store, &name, quotas).await?;
            print_line(format_args!("{secret}"))?;
            crate::console::complain(format_args!(
                "{} is the id of this key for {name}; it is not shown again. Clients send it as Authorization: Bearer {}…",
                key.id,
                &secret[..8]
            ));
        }
        Command::List => {
            for key in store.keys().await? {
                print_line(format_args!("{}", line(&key)))?;
            }
        }
        Command::Revoke { id } => {
            let is_revoked = keys::revoke(store, &id).await?;
            ensure!(is_revoked, "there is no key {id} that could be revoked; see `karaoke keys list`");
        }
    }
    Ok(())
}

fn line(key: &ApiKey) -> String {
    let q = &key.quotas;
    let limits = [
        (u64::from(q.tracks_per_day), "songs a day"),
        (u64::from(q.audio_minutes_per_day), "minutes a day"),
        (u64::from(q.active_tracks), "songs at once"),
        (q.kept_bytes, "bytes kept"),
    ];
    let limits: Vec<String> =
        limits.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let limits = if limits.is_empty() { "no limits".into() } else { limits.join(", ") };
    let revoked = key.revoked_ms.map(|ms| format!("\trevoked {}", keys::time(ms))).unwrap_or_default();
    format!("{}\t{}\t{limits}\tmade {}{revoked}", key.id, key.name, keys::time(key.created_ms))
}
