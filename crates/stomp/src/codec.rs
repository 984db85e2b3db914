//! Bytes to frames and back, without a socket; an incomplete frame is no error.

use crate::escape::{escape, unescape};
use crate::quoted::quoted;
use crate::{Command, Error, Frame, Headers};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::memchr;

/// Room that is made for the next read while the length of what comes is unknown.
const READ: usize = 32 << 10;
/// A body up to this size is copied, so that keeping it does not keep the whole read buffer.
const SMALL: usize = 4 << 10;

/// How large what is received may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Headers of one frame.
    pub headers: usize,
    /// Bytes of one line of the head, its end included.
    pub line_bytes: usize,
    /// Bytes of the whole head.
    pub head_bytes: usize,
    /// Bytes of the whole frame, head, body and the NUL after it.
    pub frame_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { headers: 256, line_bytes: 16 << 10, head_bytes: 64 << 10, frame_bytes: 16 << 20 }
    }
}

/// What the other side has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame.
    Frame(Frame),
    /// A line break between frames: it is alive.
    HeartBeat,
}

/// Takes frames off a stream of bytes, wherever it is cut.
///
/// After an error the stream has no known beginning of a frame any more: close it.
#[derive(Debug, Default)]
pub struct Codec {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The head begins at the front of the buffer; its lines before `line` are whole, and nothing up to
    /// `scanned` ends the next one.
    Head { lines: usize, line: usize, scanned: usize },
    /// The head has been taken off; a body of known length is at the front.
    Sized { head: Head, length: usize },
    /// The head has been taken off; the body goes to the first NUL, and there is none before `scanned`.
    Unsized { head: Head, scanned: usize },
}

#[derive(Debug)]
struct Head {
    command: Command,
    headers: Headers,
    bytes: usize,
}

impl Default for State {
    fn default() -> Self {
        Self::Head { lines: 0, line: 0, scanned: 0 }
    }
}

impl Codec {
    /// A decoder for a new stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::default() }
    }

    /// Takes the next event off the front of `buffer`.
    ///
    /// None: more bytes are needed, and the buffer has room for them: all of the body at once where its
    /// length is known.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Event>, Error> {
        loop {
            let (next, event) = match std::mem::take(&mut self.state) {
                State::Head { line: 0, .. } if starts_with_line_break(buffer)? => {
                    let length = if buffer[0] == b'\r' { 2 } else { 1 };
                    buffer.advance(length);
                    (State::default(), Some(Event::HeartBeat))
                }
                State::Head { lines, line, scanned } => match self.head(buffer, lines, line, scanned)? {
                    (next, false) => return Ok(self.wait(next, buffer, READ)),
                    (next, true) => (next, None),
                },
                State::Sized { head, length } => {
                    if buffer.len() <= length {
                        let missing = length + 1 - buffer.len();
                        return Ok(self.wait(State::Sized { head, length }, buffer, missing));
                    }
                    (State::default(), Some(Event::Frame(head.with_body(take_body(buffer, length)?))))
                }
                State::Unsized { head, scanned } => match memchr(0, &buffer[scanned..]) {
                    None => {
                        let scanned = buffer.len();
                        self.check_frame(head.bytes + scanned + 1)?;
                        return Ok(self.wait(State::Unsized { head, scanned }, buffer, READ));
                    }
                    Some(nul) => {
                        let length = scanned + nul;
                        self.check_frame(head.bytes + length + 1)?;
                        (State::default(), Some(Event::Frame(head.with_body(take_body(buffer, length)?))))
                    }
                },
            };
            self.state = next;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Writes the head of a frame, up to where its body begins. After the body a NUL has to follow.
    pub fn encode_head(command: Command, headers: &Headers, out: &mut BytesMut) {
        out.put_slice(command.as_str().as_bytes());
        out.put_u8(b'\n');
        for (name, value) in headers.iter() {
            if command.escapes() {
                escape(name, out);
                out.put_u8(b':');
                escape(value, out);
            } else {
                out.put_slice(name.as_bytes());
                out.put_u8(b':');
                out.put_slice(value.as_bytes());
            }
            out.put_u8(b'\n');
        }
        out.put_u8(b'\n');
    }

    /// Remembers where it stopped, and makes room for what is missing.
    fn wait(&mut self, state: State, buffer: &mut BytesMut, missing: usize) -> Option<Event> {
        self.state = state;
        buffer.reserve(missing);
        None
    }

    /// Looks for the end of the head; says whether it was there.
    fn head(
        &self,
        buffer: &mut BytesMut,
        mut lines: usize,
        mut line: usize,
        mut scanned: usize,
    ) -> Result<(State, bool), Error> {
        while let Some(found) = memchr(b'\n', &buffer[scanned..]) {
            let end = scanned + found + 1;
            self.check_line(end - line, end)?;
            let empty = trimmed(&buffer[line..end]).is_empty();
            (line, scanned, lines) = (end, end, lines + 1);
            if empty {
                return Ok((self.body(buffer.split_to(end), lines)?, true));
            }
            // The command's line and the empty one are no headers.
            if lines > self.limits.headers + 1 {
                return Err(Error::frame(format!("more than {} headers", self.limits.headers)));
            }
        }
        self.check_line(buffer.len() - line, buffer.len())?;
        Ok((State::Head { lines, line, scanned: buffer.len() }, false))
    }

    /// Reads a whole head and says how its body goes on.
    fn body(&self, bytes: BytesMut, lines: usize) -> Result<State, Error> {
        let head = Head::parse(&bytes, lines)?;
        let Some(length) = head.headers.get("content-length") else {
            return Ok(State::Unsized { head, scanned: 0 });
        };
        let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
        let length = length
            .parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| Error::frame(format!("{} is no content-length", quoted(length.as_bytes()))))?;
        self.check_frame(head.bytes.saturating_add(length).saturating_add(1))?;
        Ok(State::Sized { head, length })
    }

    fn check_line(&self, line: usize, head: usize) -> Result<(), Error> {
        let Limits { line_bytes, head_bytes, .. } = self.limits;
        match (line > line_bytes, head > head_bytes) {
            (true, _) => Err(Error::frame(format!("a line of more than {line_bytes} bytes"))),
            (_, true) => Err(Error::frame(format!("a head of more than {head_bytes} bytes"))),
            _ => Ok(()),
        }
    }

    fn check_frame(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.limits.frame_bytes;
        if bytes <= limit {
            return Ok(());
        }
        Err(Error::frame(format!("a frame of at least {bytes} bytes, and {limit} are allowed")))
    }
}

impl Head {
    fn parse(bytes: &[u8], lines: usize) -> Result<Self, Error> {
        let mut rows = bytes.split_inclusive(|b| *b == b'\n').map(trimmed);
        let command = Command::parse(rows.next().unwrap_or_default())?;
        let mut headers = Headers::with_capacity(lines.saturating_sub(2));
        for row in rows.take_while(|row| !row.is_empty()) {
            let colon = memchr(b':', row);
            let at = colon.ok_or_else(|| Error::frame(format!("{} is no header", quoted(row))))?;
            let (name, value) = (text(command, &row[..at])?, text(command, &row[at + 1..])?);
            headers.append(name, value);
        }
        Ok(Self { command, headers, bytes: bytes.len() })
    }

    fn with_body(self, body: Bytes) -> Frame {
        Frame { command: self.command, headers: self.headers, body }
    }
}

/// A name or a value as it was meant.
///
/// Brokers pass on what publishers send, be it an empty name or no UTF-8. Such a message is its reader's to
/// judge: refusing it here would cost the connection again at every redelivery.
fn text(command: Command, bytes: &[u8]) -> Result<String, Error> {
    let text = String::from_utf8_lossy(bytes);
    if command.escapes() { unescape(&text) } else { Ok(text.into_owned()) }
}

/// A line without its end.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Between frames; a CR that is alone so far is none yet.
fn starts_with_line_break(buffer: &[u8]) -> Result<bool, Error> {
    match buffer {
        [b'\n', ..] | [b'\r', b'\n', ..] => Ok(true),
        [b'\r', other, ..] => Err(Error::frame(format!("{} after a CR", quoted(&[*other])))),
        _ => Ok(false),
    }
}

/// Takes a body and the NUL after it off the buffer, which holds them.
fn take_body(buffer: &mut BytesMut, length: usize) -> Result<Bytes, Error> {
    if buffer[length] != 0 {
        return Err(Error::frame(format!("no NUL after a body of {length} bytes")));
    }
    let body = if length <= SMALL {
        let body = Bytes::copy_from_slice(&buffer[..length]);
        buffer.advance(length);
        body
    } else {
        buffer.split_to(length).freeze()
    };
    buffer.advance(1);
    Ok(body)
}

#[cfg(test)]
mod tests;
