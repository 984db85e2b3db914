//! Which chunk goes out next: fair among tracks, nearest deadline first, and a listener's wish before all.
//!
//! Tracks take turns: each turn gives one chunk to every track that has any left. A track that joins later starts in
//! the current turn, so it neither waits for a whole song nor catches up on turns it was not there for.
//!
//! A track with a deadline that has not passed goes before the turns, the nearest deadline first, but at most
//! [`AHEAD`] chunks in a row while others wait: the next one is theirs, in their turns. So nobody is starved: of
//! `n` tracks without a deadline each gets one of any `n · (AHEAD + 1)` chunks that no listener asked for.

use crate::id::TrackId;
use crate::units::ChunkIndex;
use std::collections::{BTreeSet, HashMap};

/// Chunks that deadlines may bring forward in a row while other tracks wait.
pub const AHEAD: u32 = 3;

/// The chunks that still wait, of all tracks.
#[derive(Debug, Default)]
pub struct Schedule {
    tracks: HashMap<TrackId, Waiting>,
    joined: u64,
    /// The turn that is being served: a floor for tracks that join.
    turn: u64,
    /// Chunks that deadlines have brought forward in a row.
    ahead: u32,
}

/// A chunk whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its track.
    pub track: TrackId,
    /// Its index in the track's plan.
    pub chunk: ChunkIndex,
    /// A listener waits for it.
    pub urgent: bool,
}

#[derive(Debug)]
struct Waiting {
    chunks: BTreeSet<ChunkIndex>,
    /// Chunks from here on come first: the listener's position.
    cursor: ChunkIndex,
    /// The cursor was set by a listener who waits for what lies there, up to this chunk.
    wanted_until: ChunkIndex,
    served: u64,
    deadline: Option<u64>,
    order: u64,
}

impl Schedule {
    /// Adds a track with its waiting chunks and its deadline (any monotonic unit; sooner is more urgent).
    ///
    /// Replaces what was known of the track.
    pub fn add(
        &mut self,
        track: TrackId,
        chunks: impl IntoIterator<Item: Into<ChunkIndex>>,
        deadline: Option<u64>,
    ) {
        self.joined += 1;
        let waiting = Waiting {
            chunks: chunks.into_iter().map(Into::into).collect(),
            cursor: ChunkIndex::default(),
            wanted_until: ChunkIndex::default(),
            served: self.turn,
            deadline,
            order: self.joined,
        };
        self.tracks.insert(track, waiting);
    }

    /// Forgets a track; says whether it was known.
    pub fn remove(&mut self, track: &TrackId) -> bool {
        self.tracks.remove(track).is_some()
    }

    /// Puts a chunk back that has to be done again. Unknown tracks are ignored.
    pub fn put_back(&mut self, track: &TrackId, chunk: ChunkIndex) {
        if let Some(waiting) = self.tracks.get_mut(track) {
            waiting.chunks.insert(chunk);
        }
    }

    /// A chunk is no longer waited for (its reply came after it had been put back).
    pub fn drop_chunk(&mut self, track: &TrackId, chunk: ChunkIndex) {
        if let Some(waiting) = self.tracks.get_mut(track) {
            waiting.chunks.remove(&chunk);
        }
    }

    /// A listener waits for the chunks `from..until`: they go out before everything else, and the track goes
    /// on from there.
    pub fn want(&mut self, track: &TrackId, from: ChunkIndex, until: ChunkIndex) {
        if let Some(waiting) = self.tracks.get_mut(track) {
            (waiting.cursor, waiting.wanted_until) = (from, until);
        }
    }

    /// How many chunks wait.
    pub fn backlog(&self) -> usize {
        self.tracks.values().map(|w| w.chunks.len()).sum()
    }

    /// Takes the next chunk that goes out, of the tracks that may have one out now. `now` is in the unit of the
    /// deadlines.
    ///
    /// ```
    /// use karaoke_core::TrackId;
    /// use karaoke_core::schedule::Schedule;
    ///
    /// let (long, short) = (TrackId::from_random(1), TrackId::from_random(2));
    /// let mut schedule = Schedule::default();
    /// schedule.add(long.clone(), 0..9u64, None);
    /// schedule.add(short.clone(), 0..2u64, None);
    /// // Tracks take turns; what a listener waits for goes first.
    /// assert_eq!(schedule.take_next(0, |_| true).unwrap().track, long);
    /// assert_eq!(schedule.take_next(0, |_| true).unwrap().track, short);
    /// schedule.want(&long, 7.into(), 8.into());
    /// let next = schedule.take_next(0, |_| true).unwrap();
    /// assert_eq!((next.track, next.chunk.get(), next.urgent), (long, 7, true));
    /// ```
    pub fn take_next(&mut self, now: u64, may: impl Fn(&TrackId) -> bool) -> Option<Next> {
        let can = |(track, w): &(&TrackId, &mut Waiting)| !w.chunks.is_empty() && may(track);
        // Too often in a row: now those come first that no deadline brings forward.
        let others = self.ahead >= AHEAD;
        let (track, waiting) = self.tracks.iter_mut().filter(can).min_by_key(|(_, w)| {
            let hurry = w.hurry(now);
            let rank = match hurry {
                _ if w.is_wanted() => 0,
                Some(_) if others => 2,
                Some(_) => 1,
                None if others => 1,
                None => 2,
            };
            (rank, hurry.filter(|_| rank > 0).unwrap_or(0), w.served, w.order)
        })?;
        let urgent = waiting.is_wanted();
        let in_turn = waiting.hurry(now).is_none();
        let chunk = waiting.take()?;
        if !urgent {
            self.ahead = if in_turn { 0 } else { self.ahead.saturating_add(1) };
        }
        if in_turn {
            // What a listener jumped the queue for is paid with later turns, but never starves the track.
            self.turn = self.turn.max(waiting.served);
            waiting.served += 1;
        } else {
            // No turn: when its deadline has passed it goes on in the turn that the others have come to.
            waiting.served = waiting.served.max(self.turn);
        }
        Some(Next { track: track.clone(), chunk, urgent })
    }
}

impl Waiting {
    /// The deadline, where it can still be met.
    fn hurry(&self, now: u64) -> Option<u64> {
        self.deadline.filter(|deadline| *deadline > now)
    }

    fn is_wanted(&self) -> bool {
        self.chunks.range(self.cursor..).next().is_some_and(|c| *c < self.wanted_until)
    }

    fn take(&mut self) -> Option<ChunkIndex> {
        let chunk = *self.chunks.range(self.cursor..).next().or_else(|| self.chunks.first())?;
        self.chunks.remove(&chunk);
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u128) -> TrackId {
        TrackId::from_random(n)
    }

    fn drain(schedule: &mut Schedule) -> Vec<(TrackId, u64)> {
        std::iter::from_fn(|| schedule.take_next(0, |_| true)).map(|n| (n.track, n.chunk.get())).collect()
    }

    #[test]
    fn tracks_take_turns() {
        let mut s = Schedule::default();
        s.add(id(1), 0..3, None);
        s.add(id(2), 0..3, None);
        let tracks: Vec<TrackId> = drain(&mut s).into_iter().map(|(t, _)| t).collect();
        assert_eq!(tracks, [id(1), id(2), id(1), id(2), id(1), id(2)]);
    }

    #[test]
    fn a_short_song_does_not_wait_for_a_long_one() {
        let mut s = Schedule::default();
        s.add(id(1), 0..1000, None);
        for _ in 0..500 {
            s.take_next(0, |_| true);
        }
        s.add(id(2), 0..3, None);
        let position = drain(&mut s).iter().rposition(|(t, _)| *t == id(2)).unwrap();
        assert!(position <= 6, "{position}");
    }

    #[test]
    fn a_newcomer_does_not_starve_the_old() {
        let mut s = Schedule::default();
        s.add(id(1), 0..1000, None);
        for _ in 0..500 {
            s.take_next(0, |_| true);
        }
        s.add(id(2), 0..1000, None);
        let first: Vec<TrackId> = drain(&mut s).into_iter().take(20).map(|(t, _)| t).collect();
        assert_eq!(first.iter().filter(|t| **t == id(1)).count(), 10);
    }

    #[test]
    fn the_nearest_deadline_is_first_and_every_fourth_chunk_is_for_the_others() {
        let mut s = Schedule::default();
        s.add(id(1), 0..2, None);
        s.add(id(2), 0..3, Some(200));
        s.add(id(3), 0..2, Some(100));
        s.add(id(4), 0..2, None);
        let tracks: Vec<TrackId> = drain(&mut s).into_iter().map(|(t, _)| t).collect();
        assert_eq!(tracks, [3, 3, 2, 1, 2, 2, 4, 1, 4].map(id));
    }

    #[test]
    fn a_deadline_that_has_passed_brings_nothing_forward() {
        let mut s = Schedule::default();
        s.add(id(1), 0..2, None);
        s.add(id(2), 0..2, Some(200));
        s.add(id(3), 0..2, Some(100));
        let next = std::iter::from_fn(|| s.take_next(150, |_| true));
        let tracks: Vec<TrackId> = next.map(|n| n.track).collect();
        assert_eq!(tracks, [2, 2, 1, 3, 1, 3].map(id));
    }

    #[test]
    fn a_listener_is_served_first_and_the_track_goes_on_from_there() {
        let mut s = Schedule::default();
        s.add(id(1), 0..4, None);
        s.add(id(2), 0..6, None);
        s.want(&id(2), 3.into(), 5.into());
        assert!(s.take_next(0, |_| true).is_some_and(|n| n.urgent));
        s.put_back(&id(2), 3.into());
        let got = drain(&mut s);
        assert_eq!(&got[..2], [(id(2), 3), (id(2), 4)]);
        let of_two: Vec<u64> = got.iter().filter(|(t, _)| *t == id(2)).map(|(_, c)| *c).collect();
        assert_eq!(of_two, [3, 4, 5, 0, 1, 2]);
    }

    #[test]
    fn when_its_deadline_has_passed_a_track_takes_turns_with_all_others() {
        let mut s = Schedule::default();
        s.add(id(1), 0..1000, None);
        s.add(id(2), 0..1000, Some(100));
        for _ in 0..400 {
            s.take_next(50, |_| true);
        }
        s.add(id(3), 0..1000, None);
        let next: Vec<TrackId> =
            (0..60).filter_map(|_| s.take_next(150, |_| true)).map(|n| n.track).collect();
        for track in [1, 2, 3].map(id) {
            let got = next.iter().filter(|t| **t == track).count();
            assert!((19..=21).contains(&got), "{got} of 60");
        }
    }

    proptest! {
        #[test]
        fn who_has_no_deadline_is_not_starved(
            hurried in proptest::collection::vec(1u64..100, 0..5), others in 1usize..5, chunks in 1u64..20,
        ) {
            let mut s = Schedule::default();
            for (i, deadline) in hurried.iter().enumerate() {
                s.add(id(100 + i as u128), 0..1000, Some(*deadline));
            }
            for i in 0..others {
                s.add(id(i as u128), 0..chunks, None);
            }
            let bound = others * (AHEAD as usize + 1);
            let mut last = vec![(0, 0); others];
            for round in 0..chunks as usize * bound {
                let Some(next) = s.take_next(0, |_| true) else { break };
                if let Some(i) = (0..others).find(|i| next.track == id(*i as u128)) {
                    last[i] = (round + 1, last[i].1 + 1);
                }
                for (at, got) in &last {
                    prop_assert!(*got == chunks || round + 1 - at <= bound, "{last:?} in round {round}");
                }
            }
        }

        #[test]
        fn every_chunk_goes_out_exactly_once(
            tracks in proptest::collection::vec((0u64..20, proptest::option::of(0u64..9)), 0..6),
            wants in proptest::collection::vec((0usize..6, 0u64..20, 0u64..25), 0..6),
        ) {
            let mut s = Schedule::default();
            let mut all = Vec::new();
            for (i, (n, deadline)) in tracks.iter().enumerate() {
                s.add(id(i as u128), 0..*n, *deadline);
                all.extend((0..*n).map(|c| (id(i as u128), c)));
            }
            for (i, from, until) in wants {
                s.want(&id(i as u128), from.into(), until.into());
            }
            prop_assert_eq!(s.backlog(), all.len());
            let mut got = drain(&mut s);
            got.sort();
            all.sort();
            prop_assert_eq!(got, all);
        }
    }

    #[test]
    fn a_track_that_may_not_go_is_passed_over_and_keeps_its_chunks() {
        let mut schedule = Schedule::default();
        schedule.add(id(1), 0..2, None);
        schedule.add(id(2), 0..1, None);
        let taken = schedule.take_next(0, |track| *track != id(1)).unwrap();
        assert_eq!((taken.track, taken.chunk.get()), (id(2), 0));
        assert_eq!(schedule.take_next(0, |track| *track != id(1)), None);
        assert_eq!(schedule.backlog(), 2);
        assert_eq!(schedule.take_next(0, |_| true).map(|n| n.chunk.get()), Some(0));
    }
}
