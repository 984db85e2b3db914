//! Which workers a job is for: those that have its model, of one execution provider.
//!
//! Providers round differently, and among workers of one the result is the same bit for bit. So a track is given
//! to one provider when its first chunk goes out, and stays there unless no worker of it is left.

use crate::units::ModelName;
use std::cmp::Reverse;
use std::fmt;

/// The longest name of a provider.
const LONGEST: usize = 32;

/// A model and an execution provider: the workers that have both share a queue of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The model's name.
    pub model: ModelName,
    /// The provider's name, see [`is_provider`].
    pub provider: String,
}

impl Route {
    /// The workers of `provider` that have `model`.
    pub fn new(model: impl Into<ModelName>, provider: impl Into<String>) -> Self {
        Self { model: model.into(), provider: provider.into() }
    }
}

impl fmt::Display for Route {
    /// `model.provider`: the provider has no dot, so that no two routes look the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.model, self.provider)
    }
}

/// Whether an execution provider can be called this: 1 to 32 lower-case letters, digits or `-`, such as `cpu` or
/// `openvino-bf16`.
pub fn is_provider(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

/// The provider that a track goes to, of those that have live workers for its model, each with the number of
/// chunks that its workers could take on top of what is out: the one with the most; among equals the first by
/// name. None when there is none.
pub fn choose<'p>(free: impl IntoIterator<Item = (&'p str, usize)>) -> Option<&'p str> {
    free.into_iter().max_by_key(|(name, free)| (*free, Reverse(*name))).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_choice_is_a_most_free_one_and_does_not_depend_on_the_order(
            mut offers in proptest::collection::vec(("[a-d]{1,2}", 0usize..4), 0..7), turn in 0usize..7,
        ) {
            offers.sort();
            offers.dedup_by(|a, b| a.0 == b.0);
            let chosen = |offers: &[(String, usize)]| {
                choose(offers.iter().map(|(name, free)| (name.as_str(), *free))).map(str::to_owned)
            };
            let first = chosen(&offers);
            let most = offers.iter().map(|(_, free)| *free).max();
            prop_assert_eq!(first.is_some(), most.is_some());
            prop_assert!(offers.iter().all(|(name, free)| Some(*free) != most || Some(name) >= first.as_ref()));
            prop_assert!(offers.iter().any(|(name, free)| Some(name) == first.as_ref() && Some(*free) == most) || most.is_none());
            if !offers.is_empty() {
                let at = turn % offers.len();
                offers.rotate_left(at);
            }
            prop_assert_eq!(chosen(&offers), first);
        }

        #[test]
        fn no_two_routes_look_the_same(a in "[a-z0-9._-]{1,4}", b in "[a-z0-9-]{1,4}", c in "[a-z0-9._-]{1,4}", d in "[a-z0-9-]{1,4}") {
            let [one, other] = [Route::new(a, b), Route::new(c, d)];
            prop_assert_eq!(one == other, one.to_string() == other.to_string());
        }
    }

    #[test]
    fn names_of_providers() {
        assert!(["cpu", "openvino-bf16", "cuda", "tensorrt-10"].into_iter().all(is_provider));
        assert!(
            !["", "a.b", "CPU", "a b", "ü", "a/b"].into_iter().any(is_provider)
                && !is_provider(&"x".repeat(33))
        );
    }
}
