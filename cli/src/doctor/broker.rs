//! The broker: whether it lets us in, and takes messages of the size that is configured.

use super::report::Finding;
use karaoke_queue::QueueError;
use karaoke_queue::rabbit::config::HEADER_BYTES;
use karaoke_queue::rabbit::{BrokerConfig, USUAL_FRAME, probe};

const NAME: &str = "broker";
/// The first RabbitMQ that bounds frames.
const BOUNDED_FRAMES: [u64; 3] = [3, 12, 2];

/// Logs in at the broker. `needed`: server or workers run here, so that without a broker nothing works.
pub async fn look(config: &BrokerConfig, message_bytes: usize, needed: bool) -> Vec<Finding> {
    if !needed && config.url == BrokerConfig::default().url {
        let said = "not asked: `karaoke up` needs none (--cluster: this machine does)";
        return vec![Finding::ok(NAME, said)];
    }
    let met = probe(config).await;
    let mut findings = vec![judge(&met, needed)];
    findings.extend(judge_size(config, message_bytes, met.as_deref().unwrap_or_default()));
    findings
}

fn judge(met: &Result<String, QueueError>, needed: bool) -> Finding {
    let (said, remedy) = match met {
        Ok(server) => {
            let server = if server.is_empty() { "it" } else { server };
            return Finding::ok(NAME, format!("{server} lets us in"));
        }
        Err(QueueError::Unreachable(why)) if needed => {
            (why, "Start it (`make broker`), or correct broker.url.")
        }
        Err(QueueError::Unreachable(why)) => {
            (why, "Nothing has to be done for `karaoke up`; for others start it, or correct broker.url.")
        }
        Err(QueueError::Refused(why)) => (
            why,
            "Correct user, password and virtual host in broker.url (docs/OPERATIONS.md, Users and rights).",
        ),
        Err(other) => return Finding::wrong(NAME, other.to_string(), "Try again."),
    };
    if needed { Finding::wrong(NAME, said, remedy) } else { Finding::warning(NAME, said, remedy) }
}

/// Whether the largest message fits into a frame, ours and that of the broker that calls itself `server`.
fn judge_size(config: &BrokerConfig, message_bytes: usize, server: &str) -> Option<Finding> {
    const NAME: &str = "message size";
    if let Err(error) = config.check_size(message_bytes) {
        let remedy = "Set broker.max_frame_bytes to that (and RabbitMQ's stomp.max_frame_size), \
                      or chunking.max_message_bytes lower.";
        return Some(Finding::wrong(NAME, error.to_string(), remedy));
    }
    if message_bytes + HEADER_BYTES <= USUAL_FRAME || !bounds_frames(server) {
        return None;
    }
    let said =
        format!("{server} takes frames of {USUAL_FRAME} bytes unless its stomp.max_frame_size says more");
    Some(Finding::warning(NAME, said, format!("Set that to at least {}.", config.max_frame_bytes)))
}

/// Whether a broker, such as `RabbitMQ/3.13.7`, takes no frames of any size.
fn bounds_frames(server: &str) -> bool {
    let Some(version) = server.strip_prefix("RabbitMQ/") else { return false };
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0)) >= BOUNDED_FRAMES
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[test]
    fn no_broker_is_wrong_only_where_one_is_needed() {
        let away = Err(QueueError::Unreachable("cannot connect".into()));
        assert_eq!(judge(&away, false).verdict, Verdict::Warning);
        assert_eq!(judge(&away, true).verdict, Verdict::Wrong);
        assert_eq!(judge(&Ok("RabbitMQ/3.10.8".into()), true).verdict, Verdict::Ok);
        let refused = judge(&Err(QueueError::Refused("refused the login".into())), true);
        assert!(refused.remedy.contains("virtual host"));
    }

    #[test]
    fn large_messages_need_a_broker_that_takes_them() {
        let config = BrokerConfig { max_frame_bytes: 16 << 20, ..BrokerConfig::default() };
        let verdict = |bytes, server| judge_size(&config, bytes, server).map(|finding| finding.verdict);
        assert_eq!(verdict(4_000_000, "RabbitMQ/4.0.5"), None);
        assert_eq!(verdict(8_000_000, "RabbitMQ/4.0.5"), Some(Verdict::Warning));
        assert_eq!(verdict(8_000_000, "RabbitMQ/3.12.2-rc.1"), Some(Verdict::Warning));
        assert_eq!(verdict(8_000_000, "RabbitMQ/3.12.1"), None);
        assert_eq!(verdict(8_000_000, ""), None);
        assert_eq!(verdict(16 << 20, "RabbitMQ/3.10.8"), Some(Verdict::Wrong));
    }
}
