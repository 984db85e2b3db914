//! What may go along with an upload, and what is answered to it.

use super::App;
use super::described::Binary;
use super::notification_view::NotificationView;
use crate::active_track::ActiveTrack;
use crate::problem::Problem;
use crate::schema;
use crate::view::DeadlineView;
use karaoke_core::TrackState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// What may go along with an upload: as query parameters, or as fields of a form.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wishes {
    /// The file's name, for a raw body.
    pub(super) name: Option<String>,
    /// The model, or a preset.
    pub(super) model: Option<String>,
    /// Seconds from now by which it should be done.
    pub(super) deadline_s: Option<u32>,
    /// An address that is told what becomes of it.
    pub(super) webhook: Option<String>,
    /// Who gets mail about it.
    pub(super) email: Option<String>,
}

/// An upload as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the form, whose fields are read one by one")]
pub(super) struct UploadForm {
    /// The model, or a preset.
    #[schema(nullable = false)]
    model: Option<String>,
    /// Seconds from now by which it should be done.
    #[schema(nullable = false)]
    deadline_s: Option<u32>,
    /// An address that is told what becomes of it.
    #[schema(nullable = false)]
    webhook: Option<String>,
    /// Who gets mail about it.
    #[schema(nullable = false)]
    email: Option<String>,
    /// The song.
    #[schema(value_type = String, format = Binary)]
    file: Binary,
}

/// A track that was taken.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    id: String,
    /// What opens it.
    passcode: String,
    #[schema(value_type = schema::TrackState)]
    state: TrackState,
    deadline: Option<DeadlineView>,
    /// Where to go on.
    links: BTreeMap<&'static str, String>,
    /// Who is told, with the secrets of webhooks.
    notifications: Vec<NotificationView>,
}

impl Accepted {
    /// The answer to who handed a song in.
    pub(super) async fn new(app: &App, track: &ActiveTrack, passcode: &str) -> Result<Self, Problem> {
        let view = track.view();
        let told = app.pipeline.store.notifications(Some(&track.id)).await?;
        Ok(Self {
            id: view.id,
            passcode: passcode.to_owned(),
            state: view.state,
            deadline: view.deadline,
            links: view.links,
            notifications: told.iter().map(NotificationView::with_secret).collect(),
        })
    }
}
