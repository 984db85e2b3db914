//! The section `[broker]` of the configuration.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where the broker is and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// `stomp://login:passcode@host:port/virtual-host`, or `stomps://` for TLS.
    pub url: String,
    /// PEM file of the authority that signed the broker's certificate; empty: the system's authorities.
    pub ca_file: PathBuf,
    /// Milliseconds between heart-beats, both ways; a silent end is given up after twice as long. 0: none.
    pub heartbeat_ms: u64,
    /// Jobs a worker holds for each model: 1 or 2 let it pull when it is free (2: the next job is there
    /// before the last one ends), many deal jobs out round-robin.
    pub prefetch: u32,
    /// Seconds to wait until the broker confirms a message.
    pub receipt_s: f64,
    /// The longest pause between attempts to reach the broker, in seconds; the first is a tenth of a second.
    pub reconnect_s: f64,
    /// Seconds between a worker's announcements; after three without one it is suspected.
    pub presence_s: f64,
    /// The largest message the broker takes, headers included: RabbitMQ's `stomp.max_frame_size`.
    pub max_frame_bytes: usize,
    /// Days after which the broker forgets results whose server never came back.
    pub results_days: u32,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            url: "stomp://karaoke:karaoke@127.0.0.1:61613/".to_owned(),
            ca_file: PathBuf::new(),
            heartbeat_ms: 15_000,
            prefetch: 2,
            receipt_s: 30.0,
            reconnect_s: 2.0,
            presence_s: 2.0,
            max_frame_bytes: 4_194_304,
            results_days: 7,
        }
    }
}

/// A value of `[broker]` that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("broker.{key} {problem}")]
pub struct BadConfig {
    key: &'static str,
    problem: String,
}

/// Bytes of a frame that are kept free for the headers.
pub const HEADER_BYTES: usize = 8_192;

fn bad(key: &'static str, problem: &str) -> Result<(), BadConfig> {
    Err(BadConfig { key, problem: problem.to_owned() })
}

impl BrokerConfig {
    /// Refuses values that cannot be.
    pub fn check(&self) -> Result<(), BadConfig> {
        if self.heartbeat_ms != 0 && !(100..=600_000).contains(&self.heartbeat_ms) {
            return bad("heartbeat_ms", "must be 0 or lie between 100 and 600000");
        }
        if !(1..=1000).contains(&self.prefetch) {
            return bad("prefetch", "must lie between 1 and 1000");
        }
        for (key, seconds) in [("receipt_s", self.receipt_s), ("reconnect_s", self.reconnect_s)] {
            if !(0.1..=3600.0).contains(&seconds) {
                return bad(key, "must lie between 0.1 and 3600");
            }
        }
        if !(0.05..=60.0).contains(&self.presence_s) {
            return bad("presence_s", "must lie between 0.05 and 60");
        }
        if !(1..=365).contains(&self.results_days) {
            return bad("results_days", "must lie between 1 and 365");
        }
        Ok(())
    }

    /// Refuses bodies of so many bytes when they do not fit into a frame.
    pub fn check_size(&self, message_bytes: usize) -> Result<(), BadConfig> {
        let needed = message_bytes.saturating_add(HEADER_BYTES);
        if needed <= self.max_frame_bytes {
            return Ok(());
        }
        let why = "chunking.max_message_bytes and the headers";
        bad("max_frame_bytes", &format!("must be at least {needed}, for {why}"))
    }

    /// [`Self::presence_s`] as a duration.
    pub fn presence(&self) -> Duration {
        Duration::from_secs_f64(self.presence_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_can_be_and_nonsense_cannot() {
        let good = BrokerConfig::default();
        good.check().unwrap();
        good.check_size(4_000_000).unwrap();
        assert!(good.check_size(4_190_000).is_err());
        let refused = |c: BrokerConfig| c.check().unwrap_err().to_string();
        assert!(refused(BrokerConfig { prefetch: 0, ..good.clone() }).contains("broker.prefetch"));
        assert!(refused(BrokerConfig { heartbeat_ms: 5, ..good.clone() }).contains("broker.heartbeat_ms"));
        assert!(refused(BrokerConfig { receipt_s: f64::NAN, ..good }).contains("broker.receipt_s"));
    }
}
