//! Tags in front of the sound: ID3v2 of any version, also where a tag follows a tag.

use crate::ingest::decode::bytes::Bytes;

/// Tags in a row that are passed over: more than any file has.
const MOST: usize = 64;

/// Where the tags that begin at `start` end: `start` where there is none, or one that leads beyond the file.
pub(crate) fn end(bytes: &mut Bytes<'_>, start: u64) -> u64 {
    let mut at = start;
    for _ in 0..MOST {
        let Some(head) = bytes.at(at, 10) else { break };
        let is_tag = head.starts_with(b"ID3") && head[6..].iter().all(|byte| byte & 0x80 == 0);
        if !is_tag {
            break;
        }
        // Seven bits a byte; a footer, where a flag says so, is ten bytes more.
        let size = head[6..].iter().fold(0, |size, byte| (size << 7) | u64::from(*byte));
        let next = at + 10 + size + if head[5] & 0x10 != 0 { 10 } else { 0 };
        if next >= bytes.len() {
            break;
        }
        at = next;
    }
    at
}
