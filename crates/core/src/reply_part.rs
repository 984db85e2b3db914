//! Replies in parts: how the samples of a chunk are cut where they do not fit one message, and when all are there.
//!
//! What a chunk gives is a table of *cells*, one for each window and stem. A part is a rectangle of it that lies
//! in one piece in the whole reply: some windows with all their stems, or some stems of one window. Cells may
//! come in any order, twice, and of several attempts, for each has the same samples whoever computed it.

use std::ops::Range;

/// A run of windows and a run of stems of a chunk; neither is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPart {
    /// Windows, counted from the chunk's first.
    pub windows: Range<u32>,
    /// Stems, in the order the model predicts them.
    pub stems: Range<u32>,
}

impl ReplyPart {
    /// All that a chunk of `windows` windows gives, of a model of `stems` stems.
    pub fn whole(windows: u32, stems: u32) -> Self {
        Self { windows: 0..windows, stems: 0..stems }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.windows.len() * self.stems.len()
    }

    /// Its place in the whole reply, in cells; it must be a part that [`split`] makes.
    pub fn place(&self, stems: u32) -> Range<usize> {
        let first = self.windows.start as usize * stems as usize + self.stems.start as usize;
        first..first + self.cells()
    }

    /// Whether it is some of a table of `windows` × `stems` cells.
    pub fn lies_in(&self, windows: u32, stems: u32) -> bool {
        !self.windows.is_empty()
            && !self.stems.is_empty()
            && self.windows.end <= windows
            && self.stems.end <= stems
    }
}

/// Cuts a table of `windows` × `stems` cells into as few parts of at most `most` cells as lie in one piece, in
/// the order of the whole reply. A part has one cell at least, even if that is more than `most`.
pub fn split(windows: u32, stems: u32, most: usize) -> impl Iterator<Item = ReplyPart> {
    let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
    // Either whole windows, so many at a time, or one window in so many stems at a time.
    let (by_windows, by_stems) = if most >= stems { (most / stems.max(1), stems) } else { (1, most) };
    runs(windows, by_windows).flat_map(move |windows| {
        runs(stems, by_stems).map(move |stems| ReplyPart { windows: windows.clone(), stems })
    })
}

/// Runs of `length` (at least 1) that tile `0..end`.
fn runs(end: u32, length: u32) -> impl Iterator<Item = Range<u32>> {
    let length = length.max(1);
    (0..end).step_by(length as usize).map(move |start| start..start.saturating_add(length).min(end))
}

/// Which cells of a chunk are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedParts {
    stems: u32,
    there: Vec<bool>,
    missing: usize,
}

impl ReceivedParts {
    /// Of a chunk of `windows` × `stems` cells nothing is there yet.
    pub fn none(windows: u32, stems: u32) -> Self {
        let missing = windows as usize * stems as usize;
        Self { stems, there: vec![false; missing], missing }
    }

    /// A part is there, perhaps not for the first time. Says whether everything is now. What lies outside the
    /// table is ignored.
    pub fn add(&mut self, part: &ReplyPart) -> bool {
        for window in part.windows.clone() {
            for stem in part.stems.start..part.stems.end.min(self.stems) {
                let cell = window as usize * self.stems as usize + stem as usize;
                if let Some(there) = self.there.get_mut(cell) {
                    self.missing -= usize::from(!*there);
                    *there = true;
                }
            }
        }
        self.is_complete()
    }

    /// Whether every cell is there.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn cells(part: &ReplyPart) -> impl Iterator<Item = (u32, u32)> {
        let stems = part.stems.clone();
        part.windows.clone().flat_map(move |w| stems.clone().map(move |s| (w, s)))
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_piece_by_piece(windows in 1u32..9, stems in 1u32..7, most in 0usize..60) {
            let mut at = 0;
            for part in split(windows, stems, most) {
                prop_assert!(part.lies_in(windows, stems) && part.cells() <= most.max(1));
                prop_assert_eq!(part.place(stems).start, at);
                at = part.place(stems).end;
            }
            prop_assert_eq!(at, windows as usize * stems as usize);
            prop_assert_eq!(split(windows, stems, at).collect::<Vec<_>>(), [ReplyPart::whole(windows, stems)]);
        }

        #[test]
        fn a_chunk_is_complete_when_every_cell_came_whoever_sent_it(
            windows in 1u32..6, stems in 1u32..7,
            // Attempts that cut differently, of which parts are lost, doubled and reordered.
            sent in proptest::collection::vec((1usize..40, any::<prop::sample::Index>()), 0..60),
        ) {
            let mut arrived = ReceivedParts::none(windows, stems);
            let mut there = HashSet::new();
            for (most, which) in sent {
                let parts: Vec<ReplyPart> = split(windows, stems, most).collect();
                let part = which.get(&parts);
                there.extend(cells(part));
                let all = there.len() == windows as usize * stems as usize;
                prop_assert_eq!(arrived.add(part), all);
                prop_assert_eq!(arrived.is_complete(), all);
            }
        }
    }

    #[test]
    fn six_stems_of_a_demucs_window_go_one_by_one_and_two_windows_of_a_small_model_together() {
        let (cell, limit) = (343_980 * crate::audio::FRAME_BYTES, 4_000_000);
        assert_eq!(
            split(1, 6, limit / cell).map(|p| p.stems).collect::<Vec<_>>(),
            (0..6).map(|s| s..s + 1).collect::<Vec<_>>()
        );
        assert_eq!(split(5, 2, 4).map(|p| p.windows).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
    }

    #[test]
    fn what_lies_outside_is_ignored() {
        let mut arrived = ReceivedParts::none(2, 2);
        assert!(!arrived.add(&ReplyPart { windows: 1..9, stems: 1..9 }));
        assert!(!arrived.add(&ReplyPart { windows: 7..9, stems: 0..2 }));
        assert!(
            !arrived.add(&ReplyPart::whole(1, 2)) && arrived.add(&ReplyPart { windows: 1..2, stems: 0..1 })
        );
    }
}
