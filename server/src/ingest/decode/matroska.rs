//! What symphonia leaves out of Matroska: which tracks are meant to be played, and how their packets are packed.

use super::bytes::Bytes;
use std::fs::File;
use std::io::Read;

/// A packet is not larger when it is unpacked.
const MAX_PACKET: u64 = 16 << 20;
/// Elements looked at, so that a maze of empty ones ends.
const MAX_ELEMENTS: u32 = 100_000;
/// Elements in each other that mean something: Segment, Tracks, TrackEntry, ContentEncodings, ContentEncoding,
/// ContentCompression.
const MAX_DEPTH: u32 = 6;

/// A track, as its entry describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// It is to be played when nobody chooses; so is one that does not say.
    pub(super) is_default: bool,
    encodings: Vec<Encoding>,
}

/// One way in which packets are packed (RFC 9559, section 5.1.4.1.31).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Encoding {
    order: u64,
    scope: u64,
    kind: u64,
    algorithm: u64,
    settings: Vec<u8>,
}

impl Default for Encoding {
    fn default() -> Self {
        Self { order: 0, scope: 1, kind: 0, algorithm: 0, settings: Vec::new() }
    }
}

impl Entry {
    /// What makes its packets unreadable here, in a few words.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        self.encodings.iter().find_map(|encoding| match (encoding.kind, encoding.algorithm) {
            _ if encoding.scope & !1 != 0 => Some("sound with packed headers"),
            (0, 0 | 3) => None,
            (0, 1) => Some("sound packed with bzip2"),
            (0, 2) => Some("sound packed with LZO"),
            (0, _) => Some("sound packed in an unknown way"),
            _ => Some("encrypted sound"),
        })
    }

    /// A packet's contents as the encoder made them; none if they are damaged.
    pub(super) fn unpack(&self, packet: &[u8]) -> Option<Vec<u8>> {
        self.encodings.iter().filter(|e| e.scope & 1 != 0).try_fold(packet.to_vec(), |packed, encoding| {
            match encoding.algorithm {
                0 => {
                    let mut plain = Vec::new();
                    let unpacked = flate2::read::ZlibDecoder::new(&packed[..]).take(MAX_PACKET);
                    { unpacked }.read_to_end(&mut plain).ok()?;
                    Some(plain)
                }
                // What all packets begin with is stored once.
                3 => Some([&encoding.settings[..], &packed].concat()),
                _ => None,
            }
        })
    }

    /// Whether packets are stored as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.encodings.is_empty()
    }
}

/// The tracks' entries, by number; none where the file makes no sense.
pub(super) fn entries(file: &mut File) -> Vec<Entry> {
    let mut found = Vec::new();
    if let Ok(mut bytes) = Bytes::new(file) {
        let (end, mut budget) = (bytes.len(), MAX_ELEMENTS);
        let _ = walk(&mut bytes, 0, end, 0, &mut budget, &mut found);
    }
    for entry in &mut found {
        // Undone in the opposite order.
        entry.encodings.sort_by_key(|encoding| std::cmp::Reverse(encoding.order));
    }
    found
}

fn walk(
    bytes: &mut Bytes<'_>,
    start: u64,
    end: u64,
    depth: u32,
    budget: &mut u32,
    found: &mut Vec<Entry>,
) -> Option<()> {
    let mut at = start;
    while at < end {
        *budget = budget.checked_sub(1)?;
        let element = bytes.element(at, end)?;
        let (body, next) = (element.body, element.end);
        let mut value = || {
            let raw = bytes.at(body, usize::try_from(next - body).ok().filter(|size| *size <= 1 << 16)?)?;
            Some((raw.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)), raw))
        };
        match element.id {
            0xD7 => found.last_mut()?.number = value()?.0,
            0x88 => found.last_mut()?.is_default = value()?.0 != 0,
            0x5031 => found.last_mut()?.encodings.last_mut()?.order = value()?.0,
            0x5032 => found.last_mut()?.encodings.last_mut()?.scope = value()?.0,
            0x5033 => found.last_mut()?.encodings.last_mut()?.kind = value()?.0,
            0x4254 => found.last_mut()?.encodings.last_mut()?.algorithm = value()?.0,
            0x4255 => found.last_mut()?.encodings.last_mut()?.settings = value()?.1,
            // Segment, Tracks, TrackEntry, ContentEncodings, ContentEncoding, ContentCompression.
            0x1853_8067 | 0x1654_AE6B | 0xAE | 0x6D80 | 0x6240 | 0x5034 if depth < MAX_DEPTH => {
                match element.id {
                    0xAE => found.push(Entry { is_default: true, ..Entry::default() }),
                    0x6240 => found.last_mut()?.encodings.push(Encoding::default()),
                    _ => {}
                }
                walk(bytes, body, next, depth + 1, budget, found)?;
            }
            // A cluster of unknown length, or sound before the tracks: nothing more to find.
            _ if element.is_open => return Some(()),
            _ => {}
        }
        if element.id == 0x1654_AE6B {
            return Some(());
        }
        at = next;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_in_each_other_end_before_the_stack_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mka");
        let tracks = b"\x18\x53\x80\x67\xFF\x16\x54\xAE\x6B\xFF\xAE\xFF\xD7\x81\x07";
        // Each has no size, so that the next one lies in it.
        let nested = b"\x6D\x80\xFF".repeat(90_000);
        std::fs::write(&path, [&tracks[..], &nested].concat()).unwrap();
        let small = std::thread::Builder::new().stack_size(256 << 10);
        let read = small.spawn(move || entries(&mut File::open(path).unwrap()));
        assert_eq!(read.unwrap().join().unwrap()[0].number, 7);
    }
}
