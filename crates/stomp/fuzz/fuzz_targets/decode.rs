//! Any bytes, cut anywhere: the decoder gives the same frames as for the whole, never panics, and holds no more
//! than its limits allow. What it takes for a frame comes out of the encoder and in again unchanged.
#![no_main]

use bytes::{BufMut, BytesMut};
use karaoke_stomp::{Codec, Command, Event, Frame, Limits};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { headers: 8, line_bytes: 128, head_bytes: 512, frame_bytes: 16 << 10 };

/// The events of a stream that is cut every `step` bytes, and whether it ended well.
fn decoded(bytes: &[u8], step: usize) -> (Vec<Event>, bool) {
    let (mut codec, mut buffer, mut events) = (Codec::new(LIMITS), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(step) {
        buffer.put_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(_) => return (events, false),
            }
        }
        assert!(buffer.capacity() > buffer.len(), "no room to read on");
        assert!(buffer.capacity() <= 2 * (bytes.len() + (64 << 10)), "{} reserved", buffer.capacity());
    }
    (events, true)
}

fn encoded(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    Codec::encode_head(frame.command, &frame.headers, &mut out);
    out.put_slice(&frame.body);
    out.put_u8(0);
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = decoded(bytes, bytes.len().max(1));
    assert_eq!(whole, decoded(bytes, usize::from(*step).max(1)));
    for event in whole.0 {
        let Event::Frame(frame) = event else { continue };
        // Without escapes, what was read leniently need not be readable again.
        if matches!(frame.command, Command::Connect | Command::Connected) {
            continue;
        }
        let mut again = encoded(&frame);
        // Escaping may make it longer than what the limits allow.
        let mut codec = Codec::new(Limits { line_bytes: 1 << 20, head_bytes: 1 << 20, ..LIMITS });
        if let Ok(Some(Event::Frame(second))) = codec.decode(&mut again) {
            assert_eq!(frame, second);
        } else {
            assert!(frame.body.len() + 2048 > LIMITS.frame_bytes, "{frame:?} is lost");
        }
    }
});
