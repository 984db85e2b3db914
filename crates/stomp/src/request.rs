//! The frames that a client sends, as the writer takes them: head and body apart, the body not copied.

use crate::{AckMode, Codec, Command, Error, Headers, Options};
use bytes::{Buf, Bytes, BytesMut};

/// A frame on its way out.
pub(crate) struct Request {
    head: Bytes,
    body: Bytes,
    /// Nothing may follow it.
    pub last: bool,
}

impl Request {
    /// `theirs` are a caller's headers: what the client says itself goes first and is not said twice.
    fn new(command: Command, ours: Headers, theirs: &Headers, body: Bytes) -> Self {
        let mut headers = ours;
        for (name, value) in theirs.iter() {
            // A wrong length would let the broker take the body for frames.
            if headers.get(name).is_none() && !["content-length", "receipt"].contains(&name) {
                headers.push(name, value);
            }
        }
        let mut head = BytesMut::with_capacity(256);
        Codec::encode_head(command, &headers, &mut head);
        Self { head: head.freeze(), body, last: false }
    }

    /// Refuses what the other side would not take, before it costs the connection.
    pub fn checked(self, limit: usize) -> Result<Self, Error> {
        let bytes = self.len();
        if bytes <= limit {
            return Ok(self);
        }
        Err(Error::TooLarge { bytes, limit })
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len() + 1
    }

    /// What goes over the wire.
    pub fn into_bytes(self) -> impl Buf {
        self.head.chain(self.body).chain(&b"\0"[..])
    }
}

fn with_receipt(headers: Headers, receipt: Option<u64>) -> Headers {
    match receipt {
        Some(id) => headers.with("receipt", id),
        None => headers,
    }
}

pub(crate) fn connect(options: &Options, beat_ms: u32) -> Request {
    let mut headers = Headers::new()
        .with("accept-version", "1.2")
        .with("host", &options.virtual_host)
        .with("heart-beat", format!("{beat_ms},{beat_ms}"));
    if !options.login.is_empty() {
        headers.push("login", &options.login);
        headers.push("passcode", &options.passcode);
    }
    Request::new(Command::Connect, headers, &Headers::new(), Bytes::new())
}

pub(crate) fn send(destination: &str, headers: &Headers, body: Bytes, receipt: Option<u64>) -> Request {
    let ours = Headers::new().with("destination", destination).with("content-length", body.len());
    Request::new(Command::Send, with_receipt(ours, receipt), headers, body)
}

pub(crate) fn subscribe(
    id: u64,
    destination: &str,
    ack: AckMode,
    prefetch: u32,
    headers: &Headers,
    receipt: u64,
) -> Request {
    let ack = match ack {
        AckMode::Auto => "auto",
        AckMode::ClientIndividual => "client-individual",
    };
    let mut ours = Headers::new().with("id", id).with("destination", destination).with("ack", ack);
    if prefetch > 0 {
        ours.push("prefetch-count", prefetch);
    }
    Request::new(Command::Subscribe, with_receipt(ours, Some(receipt)), headers, Bytes::new())
}

/// A frame that is told by its id alone: ACK, NACK, UNSUBSCRIBE.
pub(crate) fn about(command: Command, id: &str) -> Request {
    Request::new(command, Headers::new().with("id", id), &Headers::new(), Bytes::new())
}

pub(crate) fn disconnect(receipt: u64) -> Request {
    let ours = Headers::new().with("receipt", receipt);
    Request { last: true, ..Request::new(Command::Disconnect, ours, &Headers::new(), Bytes::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(request: Request) -> Vec<u8> {
        let mut all = request.into_bytes();
        all.copy_to_bytes(all.remaining()).to_vec()
    }

    #[test]
    fn a_caller_cannot_contradict_the_client() {
        let theirs = Headers::new()
            .with("content-length", 99)
            .with("destination", "/b")
            .with("a", 1)
            .with("receipt", 7);
        let sent = send("/a", &theirs, Bytes::from_static(b"x\0"), None);
        assert_eq!(bytes(sent), b"SEND\ndestination:/a\ncontent-length:2\na:1\n\nx\0\0");
        let subscribed = subscribe(3, "/a", AckMode::ClientIndividual, 0, &theirs, 4);
        let expected = b"SUBSCRIBE\nid:3\ndestination:/a\nack:client-individual\nreceipt:4\na:1\n\n\0";
        assert_eq!(bytes(subscribed), expected);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let body = Bytes::from_static(&[1; 50]);
        let length = send("/a", &Headers::new(), body.clone(), None).len();
        assert!(send("/a", &Headers::new(), body.clone(), None).checked(length).is_ok());
        let refused = send("/a", &Headers::new(), body, None).checked(length - 1);
        assert!(matches!(refused.map(|_| ()), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn no_login_is_sent_when_there_is_none() {
        let options = Options::default();
        let expected = "CONNECT\naccept-version:1.2\nhost:/\nheart-beat:5,5\n\n\0";
        assert_eq!(bytes(connect(&options, 5)), expected.as_bytes());
        let options = Options { login: "a".into(), passcode: "b:c\\".into(), ..options };
        assert!(bytes(connect(&options, 5)).ends_with(b"login:a\npasscode:b:c\\\n\n\0"));
    }
}
