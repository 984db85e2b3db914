//! What the codec promises: cuts do not matter, what goes in comes out, and hostile bytes only give errors.

use super::*;
use proptest::prelude::*;

fn encoded(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    Codec::encode_head(frame.command, &frame.headers, &mut out);
    out.put_slice(&frame.body);
    out.put_u8(0);
    out
}

/// Everything that a stream holds, given to the decoder in pieces.
fn decoded<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<Event>, Result<(), Error>) {
    let (mut codec, mut buffer, mut events) = (Codec::new(limits), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.put_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
        assert!(buffer.capacity() > buffer.len(), "no room to read on");
    }
    (events, Ok(()))
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (events, end) = decoded([bytes], Limits::default());
    end.unwrap();
    let frame = |event| if let Event::Frame(frame) = event { Some(frame) } else { None };
    events.into_iter().filter_map(frame).collect()
}

fn refused(bytes: &[u8]) -> String {
    let small = Limits { headers: 3, line_bytes: 64, head_bytes: 128, frame_bytes: 256 };
    match decoded([bytes], small) {
        (events, Err(Error::Frame(why))) if events.is_empty() => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_without_a_length_goes_to_the_nul() {
    let all =
        frames(b"\n\r\nMESSAGE\r\nsubscription:0\r\na\\cb:\\n\r\n\r\nbody\0\nRECEIPT\nreceipt-id:1\n\n\0\n");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].headers, Headers::new().with("subscription", 0).with("a:b", "\n"));
    assert_eq!((all[0].command, &all[0].body[..]), (Command::Message, &b"body"[..]));
    assert_eq!((all[1].command, all[1].headers.get("receipt-id")), (Command::Receipt, Some("1")));
}

#[test]
fn the_login_is_not_escaped() {
    let all = frames(b"CONNECTED\nserver:a\\b:c\nversion:1.2\n\n\0");
    assert_eq!(all[0].headers.get("server"), Some("a\\b:c"));
    let connect = Frame {
        command: Command::Connect,
        headers: Headers::new().with("passcode", "a\\n:b"),
        body: Bytes::new(),
    };
    assert_eq!(encoded(&connect), &b"CONNECT\npasscode:a\\n:b\n\n\0"[..]);
    assert_eq!(frames(&encoded(&connect)), [connect]);
}

#[test]
fn what_a_publisher_did_wrong_does_not_cost_the_connection() {
    let all = frames(b"MESSAGE\n:no name\na:no \xff UTF-8\nb:raw:colon\n\n\0");
    let expected = Headers::new().with("", "no name").with("a", "no \u{fffd} UTF-8").with("b", "raw:colon");
    assert_eq!(all[0].headers, expected);
}

#[test]
fn the_first_content_length_counts() {
    let all = frames(b"MESSAGE\ncontent-length:3\ncontent-length:1\n\na\0b\0");
    assert_eq!(&all[0].body[..], b"a\0b");
}

#[test]
fn what_is_no_stomp_is_refused() {
    let long = format!("MESSAGE\na:{}", "x".repeat(64));
    let head = format!("MESSAGE\n{0}{0}{0}", format!("a:{}\n", "x".repeat(40)));
    let endless = [b"MESSAGE\n\n".to_vec(), vec![b'x'; 300]].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"HELLO\n\n\0", "unknown command"),
        (b"message\n\n\0", "unknown command"),
        (b"\rMESSAGE\n\n\0", "after a CR"),
        (b"MESSAGE\nheader\n\n\0", "is no header"),
        (b"MESSAGE\na:\\t\n\n\0", "unknown escape"),
        (b"MESSAGE\ncontent-length:+1\n\nx\0", "no content-length"),
        (b"MESSAGE\ncontent-length:\n\nx\0", "no content-length"),
        (b"MESSAGE\ncontent-length:99999999999999999999\n\nx\0", "no content-length"),
        (b"MESSAGE\ncontent-length:18446744073709551615\n\nx\0", "are allowed"),
        (b"MESSAGE\ncontent-length:1\n\nxx", "no NUL"),
        (b"MESSAGE\na:1\na:2\na:3\na:4\n\n\0", "more than 3 headers"),
        (long.as_bytes(), "a line of more"),
        (head.as_bytes(), "a head of more"),
        (&endless, "are allowed"),
    ];
    for (bytes, why) in cases {
        let said = refused(bytes);
        assert!(said.contains(why), "{said} is not about {why}");
    }
}

#[test]
fn a_limit_is_what_is_still_allowed() {
    let limits = Limits { headers: 2, line_bytes: 19, head_bytes: 32, frame_bytes: 37 };
    let bytes = b"MESSAGE\ncontent-length:04\na:2\n\nbody\0";
    let exact = Limits { head_bytes: 31, frame_bytes: 36, ..limits };
    assert_eq!(decoded([&bytes[..]], exact).0.len(), 1);
    for less in [
        Limits { headers: 1, ..exact },
        Limits { line_bytes: 17, ..exact },
        Limits { head_bytes: 30, ..exact },
        Limits { frame_bytes: 35, ..exact },
    ] {
        assert!(decoded([&bytes[..]], less).1.is_err(), "{less:?}");
    }
}

#[test]
fn a_large_body_is_read_into_one_reservation_and_not_copied() {
    let length = 3_000_000;
    let mut codec = Codec::new(Limits::default());
    let mut buffer = BytesMut::from(format!("MESSAGE\ncontent-length:{length}\n\n").as_bytes());
    assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    let (place, capacity) = (buffer.as_ptr(), buffer.capacity());
    assert!(capacity > length);
    while buffer.len() < length {
        buffer.put_bytes(7, 1000);
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    }
    assert_eq!((buffer.as_ptr(), buffer.capacity()), (place, capacity));
    buffer.put_u8(0);
    let Some(Event::Frame(frame)) = codec.decode(&mut buffer).unwrap() else { panic!("no frame") };
    assert_eq!((frame.body.len(), frame.body.as_ptr()), (length, place));
}

#[test]
fn a_promised_body_costs_no_more_than_the_limit() {
    let mut codec = Codec::new(Limits { frame_bytes: 1 << 20, ..Limits::default() });
    let mut buffer = BytesMut::from(&b"MESSAGE\ncontent-length:1048000\n\n"[..]);
    assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    assert!(buffer.capacity() <= 2 << 20, "{}", buffer.capacity());
}

fn any_frame() -> impl Strategy<Value = Frame> {
    // Line breaks, colons, backslashes and NULs are what matters; regexes seldom meet them.
    let letter = prop_oneof![
        Just('\r'),
        Just('\n'),
        Just(':'),
        Just('\\'),
        Just('\0'),
        Just('c'),
        Just('ä'),
        any::<char>()
    ];
    let text = || proptest::collection::vec(letter.clone(), 0..12).prop_map(String::from_iter);
    let headers = proptest::collection::vec((text(), text()), 0..8);
    let body = prop_oneof![
        proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..64),
        proptest::collection::vec(any::<u8>(), SMALL - 2..SMALL + 3)
    ];
    let command = proptest::sample::select(Command::ALL).prop_filter("escapes", |c| c.escapes());
    (command, headers, body).prop_map(|(command, pairs, body)| {
        let mut headers = Headers::new().with("content-length", body.len());
        for (name, value) in pairs.into_iter().filter(|(name, _)| name != "content-length") {
            headers.push(name, value);
        }
        Frame { command, headers, body: body.into() }
    })
}

/// The bytes cut at any places.
fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle().take(bytes.len()) {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(frame in any_frame()) {
        prop_assert_eq!(frames(&encoded(&frame)), [frame]);
    }

    #[test]
    fn cuts_do_not_matter(
        all in proptest::collection::vec((any_frame(), 0_usize..3), 1..4),
        sizes in proptest::collection::vec(1_usize..40, 1..10),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (frame, beats) in &all {
            bytes.extend_from_slice(&encoded(frame));
            expected.push(Event::Frame(frame.clone()));
            for beat in 0..*beats {
                bytes.extend_from_slice(if beat == 0 { b"\r\n" } else { b"\n" });
                expected.push(Event::HeartBeat);
            }
        }
        let (events, end) = decoded(cut(&bytes, &sizes), Limits::default());
        prop_assert!(end.is_ok(), "{:?}", end);
        prop_assert_eq!(events, expected);
    }

    #[test]
    fn hostile_bytes_give_the_same_wherever_they_are_cut(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b"MESSAGE\n".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(vec![0]),
                Just(b"content-length:".to_vec()), Just(b"3\n".to_vec()), Just(b"a:\\c\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..6)], 0..30),
        sizes in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let bytes = bytes.concat();
        let limits = Limits { headers: 4, line_bytes: 40, head_bytes: 80, frame_bytes: 120 };
        let (whole, pieces) = (decoded([&bytes[..]], limits), decoded(cut(&bytes, &sizes), limits));
        prop_assert_eq!(whole.0, pieces.0);
        prop_assert_eq!(whole.1.is_err(), pieces.1.is_err());
    }
}
