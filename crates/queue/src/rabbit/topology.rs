//! What there is at the broker: every destination and its arguments, here and nowhere else.
//!
//! | destination | who sends | who reads |
//! |---|---|---|
//! | `/queue/karaoke.jobs.<model>.<provider>` | servers | workers of the provider that can run the model |
//! | `/queue/karaoke.results.<server>` | workers | that server |
//! | `/topic/karaoke.presence` | workers | every server |
//! | `/topic/karaoke.notices` | servers | every worker |
//!
//! A job queue is declared by whoever names it first, sender or reader, so that all must name the same
//! arguments. A server's result queue is its own: it declares it before it hands out a job, and workers reply
//! by `/amq/queue/…`, which declares nothing.
//! Jobs and results are persistent, so that a broker that is restarted has them still. Killed, it keeps the
//! results that it has confirmed; of a queue with priorities it may lose the last messages all the same
//! (seen with RabbitMQ 3.10), and the server sends those jobs again.

use crate::QueueError;
use karaoke_core::Route;
use karaoke_core::route::is_provider;
use karaoke_stomp::Headers;

const JOBS: &str = "/queue/karaoke.jobs.";
const RESULTS: &str = "/queue/karaoke.results.";
const REPLIES: &str = "/amq/queue/karaoke.results.";

/// Workers announce themselves here.
pub(super) const PRESENCE: &str = "/topic/karaoke.presence";
/// Servers tell the workers what is no longer wanted.
pub(super) const NOTICES: &str = "/topic/karaoke.notices";

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A queue's destination, and the arguments that it is declared with.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) destination: String,
    pub(super) arguments: Headers,
}

/// The queue of jobs for the workers that have a model and a provider; none for names that can have none. Urgent
/// jobs (priority 1) overtake the others.
pub(super) fn jobs(route: &Route) -> Result<Queue, QueueError> {
    if !is_plain(&route.model) || !is_provider(&route.provider) {
        let Route { model, provider } = route;
        return Err(QueueError::Refused(format!(
            "a model `{model}` of provider `{provider}` can have no queue"
        )));
    }
    Ok(Queue {
        destination: format!("{JOBS}{route}"),
        arguments: Headers::new().with("durable", "true").with("x-max-priority", "1"),
    })
}

/// Where replies to a server are sent.
///
/// To a server whose queue is gone they are dropped, and it asks again when it is back.
pub(super) fn replies(reply_to: &str) -> String {
    format!("{REPLIES}{reply_to}")
}

/// The arguments of a subscription to a topic: its queue is for nobody else.
pub(super) fn listening() -> Headers {
    Headers::new().with("exclusive", "true")
}

/// The queue of replies to a server, by its address, as the server reads it.
///
/// It goes away `days` after its server has stopped reading it.
pub(super) fn results(reply_to: &str, days: u32) -> Queue {
    Queue {
        destination: format!("{RESULTS}{reply_to}"),
        arguments: Headers::new()
            .with("durable", "true")
            .with("auto-delete", "false")
            .with("x-expires", (u64::from(days) * DAY_MS).to_string()),
    }
}

/// Whether a text may be part of a destination: servers and models name queues with it.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 128 && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_and_provider_has_a_queue_of_its_own() {
        let name = |model, provider| jobs(&Route::new(model, provider)).map(|q| q.destination);
        assert_eq!(
            name("mdx-net.2", "openvino-bf16").unwrap(),
            "/queue/karaoke.jobs.mdx-net.2.openvino-bf16"
        );
        for (model, provider) in [("a", ""), ("", "cpu"), ("a/b", "cpu"), ("a", "c.d"), ("a", "../x")] {
            assert!(name(model, provider).is_err(), "{model} {provider}");
        }
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_no_names() {
        assert!(is_plain("mdx-net.2048_v1"));
        for name in ["", "a/b", "a b", "../x", "ü", &"x".repeat(129)] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
