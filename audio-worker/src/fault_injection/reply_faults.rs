//! Replies that are lost or come twice, on purpose and the same for the same seed.

use super::SimulationConfig;
use karaoke_core::ChunkIndex;

/// What becomes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyAction {
    /// It is sent.
    Sent,
    /// It is never sent, but its job is acked.
    Dropped,
    /// It is sent twice.
    Doubled,
}

/// Decides the action of replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyFaults {
    drop: f64,
    double: f64,
    seed: u64,
}

impl ReplyFaults {
    pub(crate) fn new(config: &SimulationConfig) -> Self {
        Self { drop: config.drop_replies, double: config.double_replies, seed: config.seed }
    }

    /// The action of a part of the reply to an attempt at a chunk. Neither the track, whose name is random, nor the worker,
    /// which is whoever was free, has a part in it: so a run can be repeated.
    pub(crate) fn action(&self, chunk: ChunkIndex, attempt: u32, part: usize) -> ReplyAction {
        match uniform(self.seed, chunk, attempt, part) {
            u if u < self.drop => ReplyAction::Dropped,
            u if u < self.drop + self.double => ReplyAction::Doubled,
            _ => ReplyAction::Sent,
        }
    }
}

/// A number in 0..1 that depends on all four.
fn uniform(seed: u64, chunk: ChunkIndex, attempt: u32, part: usize) -> f64 {
    let reply = mix(mix(mix(seed).wrapping_add(chunk.get())).wrapping_add(u64::from(attempt)));
    let mixed = if part == 0 { reply } else { mix(reply.wrapping_add(part as u64)) };
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(drop: f64, double: f64, seed: u64) -> Vec<ReplyAction> {
        let reply_faults = ReplyFaults { drop, double, seed };
        (0..500)
            .flat_map(|chunk| {
                (1..=4).map(move |attempt| {
                    reply_faults.action(ChunkIndex::new(chunk), attempt, attempt as usize % 2)
                })
            })
            .collect()
    }

    fn share(actions: &[ReplyAction], which: ReplyAction) -> f64 {
        actions.iter().filter(|f| **f == which).count() as f64 / actions.len() as f64
    }

    #[test]
    fn as_many_as_asked_for_and_the_same_for_a_seed() {
        let some = actions(0.2, 0.3, 1);
        assert!((share(&some, ReplyAction::Dropped) - 0.2).abs() < 0.04);
        assert!((share(&some, ReplyAction::Doubled) - 0.3).abs() < 0.04);
        assert_eq!(some, actions(0.2, 0.3, 1));
        assert_ne!(some, actions(0.2, 0.3, 2));
    }

    #[test]
    fn none_and_all_are_exact() {
        assert_eq!(share(&actions(0.0, 0.0, 3), ReplyAction::Sent), 1.0);
        assert_eq!(share(&actions(1.0, 0.0, 3), ReplyAction::Dropped), 1.0);
        assert_eq!(share(&actions(0.0, 1.0, 3), ReplyAction::Doubled), 1.0);
    }
}
