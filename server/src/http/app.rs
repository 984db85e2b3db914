//! What the handlers share, and the settings of `[http]`.

use super::in_progress::InProgress;
use super::tickets::Tickets;
use crate::pipeline::Pipeline;
use crate::uploads::Uploads;
use karaoke_core::TrackId;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A lock for each file that is being encoded.
pub(super) type Encodings = Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>;

/// `[http]`: the web page and the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address to listen on; `0.0.0.0` lets other machines in.
    pub host: String,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Key (header `X-Admin-Key`) that opens every track and the list of all; empty: there is none.
    pub admin_key: String,
    /// Anyone may see the workers and the queue; otherwise only who has the admin key.
    pub public_workers: bool,
    /// Anyone may read `/metrics`; otherwise only who has the admin key.
    pub public_metrics: bool,
    /// Serves the API of 2023 under `/music`, `/job` and `/reset`, too. Songs that come by it are everybody's: whoever
    /// reaches the server may list, hear and remove them.
    pub classic_api: bool,
    /// Seconds that the header of a request may take to arrive, counted from the connection or the last answer: so long
    /// also lives a connection that nobody uses.
    pub header_timeout_s: f64,
    /// Address under which browsers reach this server, such as `https://karaoke.example.org`, for links in mail.
    pub public_url: String,
    /// Origins of other pages that may use the API, such as `https://example.org`; `*`: every one.
    pub cors_origins: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            admin_key: String::new(),
            public_workers: true,
            public_metrics: false,
            classic_api: false,
            header_timeout_s: 30.0,
            public_url: String::new(),
            cors_origins: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// [`Self::header_timeout_s`] as a duration.
    pub fn header_timeout(&self) -> Duration {
        Duration::try_from_secs_f64(self.header_timeout_s).unwrap_or(Duration::MAX)
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) config: Arc<HttpConfig>,
    /// Distinguishes event ids of this run from those of a previous one.
    pub(super) boot: u64,
    /// Files that are being encoded, each by one request at a time.
    pub(super) encodings: Arc<Encodings>,
    pub(super) uploads: Arc<Uploads>,
    pub(super) tickets: Arc<Tickets>,
    pub(super) in_progress: Arc<InProgress>,
}

impl App {
    /// The address of a song's page, for who is to open it; empty where nobody said how this server is reached.
    pub(super) fn page_of(&self, id: &TrackId, passcode: &str) -> String {
        match self.config.public_url.trim_end_matches('/') {
            "" => String::new(),
            url => format!("{url}/#song={id}.{passcode}"),
        }
    }

    /// The state of a server's handlers.
    pub(super) fn new(pipeline: Arc<Pipeline>, config: HttpConfig) -> Self {
        Self {
            config: Arc::new(config),
            boot: rand::random(),
            encodings: Arc::default(),
            uploads: Arc::new(Uploads::new(pipeline.clone())),
            tickets: Arc::default(),
            in_progress: Arc::default(),
            pipeline,
        }
    }
}
