//! Which loudspeaker each decoded channel is for.

use crate::ingest::downmix::{Speaker, guess};
use symphonia::core::audio::{Channels, Position};

/// The speaker of each channel; where the stream does not say, the usual order for so many channels.
pub(super) fn speakers(channels: &Channels) -> Vec<Speaker> {
    match channels {
        Channels::Positioned(positions) if positions.bits().count_ones() > 1 => {
            positions.iter().map(speaker).collect()
        }
        other => guess(other.count()),
    }
}

fn speaker(position: Position) -> Speaker {
    const LEFT: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::FRONT_LEFT_WIDE)
        .union(Position::FRONT_LEFT_CENTER)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT)
        .union(Position::TOP_SIDE_LEFT)
        .union(Position::BOTTOM_FRONT_LEFT);
    const RIGHT: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::FRONT_RIGHT_WIDE)
        .union(Position::FRONT_RIGHT_CENTER)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT)
        .union(Position::TOP_SIDE_RIGHT)
        .union(Position::BOTTOM_FRONT_RIGHT);
    match position {
        Position::FRONT_LEFT => Speaker::Left,
        Position::FRONT_RIGHT => Speaker::Right,
        Position::FRONT_CENTER => Speaker::Centre,
        Position::LFE1 | Position::LFE2 => Speaker::Lfe,
        p if LEFT.contains(p) => Speaker::SurroundLeft,
        p if RIGHT.contains(p) => Speaker::SurroundRight,
        _ => Speaker::BackCentre,
    }
}
