//! Which execution provider a track is given to, and when it goes to another.
//!
//! Providers round differently: the bits of a track are those of an undisturbed run as long as one provider does
//! it all. So a track stays with the provider that began it, through deaths and restarts of its workers, of the
//! broker and of the server, unless no worker of it is left.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::concurrency::lock;
use karaoke_core::{Route, TrackState};
use std::sync::Arc;

impl Pipeline {
    /// Gives a track to a provider, and keeps that for later runs of the server.
    pub(super) async fn assign_provider(&self, track: &Arc<ActiveTrack>, provider: &str) {
        let mut providers = track.record().providers;
        providers.push(provider.to_owned());
        if let Err(error) = self.store.set_providers(&track.id, &providers).await {
            // It stays there all the same, in this run.
            tracing::warn!(track = %track.id, provider, %error, "could not record the provider of a track");
        }
        let jobs = track.missing().len();
        tracing::info!(track = %track.id, provider, jobs, "track given to a provider: sending {jobs} jobs");
        track.update(|record| record.providers = providers);
    }

    /// Tracks whose provider is gone go to another one. Their chunks in flight are watched as all others, and
    /// copies of them go there too.
    pub(super) async fn reassign_tracks(&self) {
        let tracks: Vec<Arc<ActiveTrack>> = lock(&self.active).values().cloned().collect();
        for track in tracks.iter().filter(|track| track.state() == TrackState::Separating) {
            let Some(from) = track.route().filter(|route| self.registry.is_gone(route)) else { continue };
            // Its own has come back since it was looked at, if that is offered.
            if let Some(to) = self.in_flight.most_capacity(&from.model).filter(|to| *to != from) {
                self.move_track(track, &from, &to).await;
            }
        }
    }

    async fn move_track(&self, track: &Arc<ActiveTrack>, from: &Route, to: &Route) {
        let (left, next) = (&from.provider, &to.provider);
        tracing::warn!(
            track = %track.id, from = left, to = next,
            "no worker of the provider is left; the track goes on with another, which rounds differently"
        );
        self.assign_provider(track, next).await;
        let text = format!("No worker of {left} is left; a song goes on with {next}.");
        self.record_event("moved", None, None, text);
        self.scheduled.notify_one();
    }
}
