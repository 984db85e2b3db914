//! A broker's side of one connection, played by a test.

use bytes::{BufMut, Bytes, BytesMut};
use karaoke_stomp::{Client, Codec, Command, Error, Event, Frame, Headers, Limits, Options};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long anything in a test may take. Long, since machines are busy: it only ends what hangs.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The future's result, which must not take for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("still waiting after the deadline")
}

/// A socket, encrypted or not.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// One connection as the broker sees it.
pub struct Peer {
    pub socket: Box<dyn Socket>,
    codec: Codec,
    buffer: BytesMut,
}

impl Peer {
    pub fn new(socket: impl Socket + 'static) -> Self {
        let limits = Limits { frame_bytes: 1 << 30, ..Limits::default() };
        Self { socket: Box::new(socket), codec: Codec::new(limits), buffer: BytesMut::new() }
    }

    /// What the client sends next; none: it has closed.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.codec.decode(&mut self.buffer).expect("a client speaks STOMP") {
                return Some(event);
            }
            match within(self.socket.read_buf(&mut self.buffer)).await {
                Ok(count) if count > 0 => {}
                _ => return None,
            }
        }
    }

    /// The next frame, heart-beats passed over.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            match self.event().await? {
                Event::Frame(frame) => return Some(frame),
                Event::HeartBeat => {}
            }
        }
    }

    pub async fn expect(&mut self, command: Command) -> Frame {
        let frame = self.frame().await.expect("closed");
        assert_eq!(frame.command, command, "{frame:?}");
        frame
    }

    pub async fn send(&mut self, command: Command, headers: Headers, body: impl AsRef<[u8]>) {
        let mut bytes = BytesMut::new();
        Codec::encode_head(command, &headers, &mut bytes);
        bytes.put_slice(body.as_ref());
        bytes.put_slice(b"\0\n");
        self.bytes(&bytes).await;
    }

    pub async fn bytes(&mut self, bytes: &[u8]) {
        within(self.socket.write_all(bytes)).await.expect("the client has closed");
        within(self.socket.flush()).await.expect("the client has closed");
    }

    /// Lets the client in, with these heart-beats.
    pub async fn login(&mut self, heart_beat: &str) -> Frame {
        let connect = self.expect(Command::Connect).await;
        let headers = Headers::new().with("version", "1.2").with("server", "stub/1");
        self.send(Command::Connected, headers.with("heart-beat", heart_beat), "").await;
        connect
    }

    /// Confirms a frame that asked for it.
    pub async fn confirm(&mut self, frame: &Frame) {
        let id = frame.headers.get("receipt").expect("no receipt is wanted");
        self.send(Command::Receipt, Headers::new().with("receipt-id", id), "").await;
    }

    /// Takes a SUBSCRIBE and gives back its id.
    pub async fn subscribed(&mut self) -> String {
        let frame = self.expect(Command::Subscribe).await;
        self.confirm(&frame).await;
        frame.headers.get("id").expect("no id").to_owned()
    }

    pub async fn message(&mut self, subscription: &str, ack: &str, body: impl AsRef<[u8]>) {
        let headers = Headers::new().with("subscription", subscription).with("ack", ack);
        let headers = headers.with("message-id", ack).with("destination", "/queue/a");
        self.send(Command::Message, headers.with("content-length", body.as_ref().len()), body).await;
    }

    /// The client closes, and says nothing before.
    pub async fn expect_end(&mut self) {
        let frame = self.frame().await;
        assert_eq!(frame, None);
    }
}

/// Options for a stub, without heart-beats.
pub fn options(port: u16) -> Options {
    Options { host: "127.0.0.1".into(), port, heartbeat: Duration::ZERO, ..Options::default() }
}

pub async fn listen() -> (TcpListener, Options) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port");
    let port = listener.local_addr().expect("no address").port();
    (listener, options(port))
}

pub async fn accept(listener: &TcpListener) -> Peer {
    Peer::new(within(listener.accept()).await.expect("nobody came").0)
}

/// A client that is let in, and the broker's side.
pub async fn connected(change: impl FnOnce(&mut Options), heart_beat: &str) -> (Client, Peer) {
    let (listener, mut options) = listen().await;
    change(&mut options);
    let serve = async {
        let mut peer = accept(&listener).await;
        peer.login(heart_beat).await;
        peer
    };
    let (client, peer) = tokio::join!(within(Client::connect(&options)), serve);
    (client.expect("not let in"), peer)
}

/// The same, with nothing special about it.
pub async fn pair() -> (Client, Peer) {
    connected(|_| {}, "0,0").await
}

/// The answer that a login gets when the broker says this.
pub async fn answered(answer: &[u8]) -> Result<Client, Error> {
    let (listener, options) = listen().await;
    let serve = async {
        let mut peer = accept(&listener).await;
        peer.expect(Command::Connect).await;
        peer.bytes(answer).await;
    };
    tokio::join!(within(Client::connect(&options)), serve).0
}

pub fn bytes(count: usize) -> Bytes {
    Bytes::from(vec![0; count])
}
