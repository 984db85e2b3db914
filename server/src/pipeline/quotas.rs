//! What clients may still hand in.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::client::Client;
use crate::clock::now_ms;
use crate::problem::Problem;
use karaoke_core::quota::{Allowance, Quotas};

impl Pipeline {
    /// What is left of a client's quotas; nothing where it has none.
    pub async fn allowances(&self, client: &Client) -> Result<Vec<Allowance>, Problem> {
        let Some(name) = client.name.as_ref().filter(|_| !client.quotas.is_unlimited()) else {
            return Ok(Vec::new());
        };
        Ok(client.quotas.left(&self.store.usage(name, now_ms()).await?))
    }

    /// Refuses a client that has used up one of its quotas.
    pub async fn check_quotas(&self, client: &Client) -> Result<(), Problem> {
        let allowances = self.allowances(client).await?;
        allowances
            .iter()
            .find(|allowance| allowance.is_used_up)
            .map_or(Ok(()), |a| Err(Self::quota_used_up(a)))
    }

    /// Counts the audio of a track that has just been decoded, and refuses it where that is more than its client may
    /// hand in.
    pub(super) async fn count_audio(&self, track: &ActiveTrack, seconds: f64) -> Result<(), Problem> {
        let Some(name) = track.record().client else { return Ok(()) };
        self.store.count_audio(&track.id, seconds).await?;
        let quotas = self.quotas_of(&name).await?;
        let used = self.store.usage(&name, now_ms()).await?;
        if !quotas.is_audio_exceeded(&used) {
            return Ok(());
        }
        let minutes = quotas.audio_minutes_per_day;
        let detail = format!(
            "With this song it would be more than the {minutes} minutes of audio that you may hand in within 24 hours; try a shorter one, or later."
        );
        Err(Problem::new(429, "Quota used up", detail))
    }

    /// A client by its name, with its quotas as they are now.
    pub(crate) async fn client_named(&self, name: Option<String>) -> Result<Client, Problem> {
        let quotas = match &name {
            Some(name) => self.quotas_of(name).await?,
            None => Quotas::default(),
        };
        Ok(Client { name, quotas })
    }

    async fn quotas_of(&self, client: &str) -> Result<Quotas, Problem> {
        let Some(id) = client.strip_prefix("key:") else { return Ok(self.quotas.quotas()) };
        let key = self.store.keys().await?.into_iter().find(|key| key.id == id);
        Ok(key.map(|key| key.quotas).unwrap_or_default())
    }

    /// 429: a quota is used up.
    pub(super) fn quota_used_up(used_up: &Allowance) -> Problem {
        let what = match used_up.name {
            "tracks" => format!("{} songs within 24 hours", used_up.limit),
            "audio-minutes" => format!("{} minutes of audio within 24 hours", used_up.limit),
            "active-tracks" => format!("{} songs in work at once", used_up.limit),
            _ => format!("{} MB of songs on the server's disk", used_up.limit / 1_000_000),
        };
        let when = match used_up.reset_s {
            Some(s) if s < 5400 => format!("try again in {} minutes", s.div_ceil(60).max(1)),
            Some(s) => format!("try again in {} hours", s.div_ceil(3600)),
            None if used_up.name == "active-tracks" => "wait until one of them is done".into(),
            None => "delete some of them".into(),
        };
        Problem::new(429, "Quota used up", format!("You may have {what}; {when}."))
    }
}
