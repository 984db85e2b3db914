//! The first exchange: CONNECT, CONNECTED, and which heart-beats were agreed on.

use crate::error_frame::login_error;
use crate::transport::{Input, Output};
use crate::{Codec, Command, Error, Event, Frame, Limits, Options, request};
use bytes::BytesMut;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection that the broker has let in.
pub(crate) struct Session {
    /// What the broker calls itself.
    pub server: String,
    pub beats: HeartBeats,
    pub codec: Codec,
    /// Bytes that came after CONNECTED.
    pub buffer: BytesMut,
}

/// The agreed heart-beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeartBeats {
    /// This side shows itself at least that often.
    pub send: Option<Duration>,
    /// The other side does.
    pub expect: Option<Duration>,
}

/// Logs in.
pub(crate) async fn login(
    options: &Options,
    input: &mut Input,
    output: &mut Output,
) -> Result<Session, Error> {
    let wish = beat_ms(options.heartbeat);
    output.write_all_buf(&mut request::connect(options, wish).into_bytes()).await?;
    output.flush().await?;
    let mut codec = Codec::new(Limits { frame_bytes: options.max_frame_bytes, ..Limits::default() });
    let mut buffer = BytesMut::new();
    let frame = first_frame(input, &mut codec, &mut buffer).await?;
    let (server, beats) = welcome(&frame, wish)?;
    Ok(Session { server, beats, codec, buffer })
}

async fn first_frame(input: &mut Input, codec: &mut Codec, buffer: &mut BytesMut) -> Result<Frame, Error> {
    loop {
        match codec.decode(buffer).map_err(not_stomp)? {
            Some(Event::Frame(frame)) => return Ok(frame),
            Some(Event::HeartBeat) => {}
            None if input.read_buf(buffer).await? == 0 => return Err(end_of_stream()),
            None => {}
        }
    }
}

fn not_stomp(error: Error) -> Error {
    match error {
        Error::Frame(what) => Error::NotStomp(what),
        other => other,
    }
}

/// The broker's name and the agreed heart-beats, if it lets us in.
fn welcome(frame: &Frame, wish: u32) -> Result<(String, HeartBeats), Error> {
    match frame.command {
        Command::Connected => {
            check_version(frame)?;
            let beats = agreed(wish, frame.headers.get("heart-beat"))?;
            Ok((frame.headers.get("server").unwrap_or_default().to_owned(), beats))
        }
        Command::Error => Err(login_error(frame)),
        other => Err(Error::NotStomp(format!("{} instead of CONNECTED", other.as_str()))),
    }
}

/// The broker went away without a word.
pub(crate) fn end_of_stream() -> Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the broker").into()
}

fn check_version(frame: &Frame) -> Result<(), Error> {
    match frame.headers.get("version") {
        Some("1.2") => Ok(()),
        other => Err(Error::NotStomp(format!("version {}", other.unwrap_or("1.0")))),
    }
}

/// Zero means none, so that less than a millisecond is one.
fn beat_ms(heartbeat: Duration) -> u32 {
    let least = u32::from(!heartbeat.is_zero());
    u32::try_from(heartbeat.as_millis()).unwrap_or(u32::MAX).max(least)
}

/// Of what one side can do and the other one wants, the slower counts; either may say no by zero.
fn agreed(wish: u32, answer: Option<&str>) -> Result<HeartBeats, Error> {
    let answer = answer.unwrap_or("0,0");
    let parsed = answer.split_once(',').and_then(|(x, y)| {
        let number = |text: &str| text.trim().parse::<u32>().ok();
        Some((number(x)?, number(y)?))
    });
    let (can, wants) = parsed.ok_or_else(|| Error::NotStomp(format!("{answer:?} is no heart-beat")))?;
    let slower =
        |theirs: u32| (wish > 0 && theirs > 0).then(|| Duration::from_millis(u64::from(wish.max(theirs))));
    Ok(HeartBeats { send: slower(wants), expect: slower(can) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_side_of_each_direction_counts() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let beats = |wish, answer| agreed(wish, answer).unwrap();
        assert_eq!(beats(100, Some("50,200")), HeartBeats { send: ms(200), expect: ms(100) });
        assert_eq!(beats(100, Some("0,100")), HeartBeats { send: ms(100), expect: None });
        assert_eq!(beats(100, Some("100,0")), HeartBeats { send: None, expect: ms(100) });
        assert_eq!(beats(0, Some("50,50")), HeartBeats { send: None, expect: None });
        assert_eq!(beats(100, None), HeartBeats { send: None, expect: None });
    }

    #[test]
    fn nonsense_is_refused() {
        for answer in ["", "1", "1,", ",1", "a,b", "-1,1", "99999999999,1", "1,2,3"] {
            assert!(agreed(100, Some(answer)).is_err(), "{answer}");
        }
    }

    #[test]
    fn only_zero_is_none() {
        let ms =
            [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(2), Duration::MAX].map(beat_ms);
        assert_eq!(ms, [0, 1, 2000, u32::MAX]);
    }
}
