//! How fast 3 MB bodies go through the client, against a stub broker in the same process:
//! `cargo run --release -p karaoke-stomp --example throughput`

use bytes::{BufMut, Bytes, BytesMut};
use karaoke_stomp::{AckMode, Client, Codec, Command, Error, Event, Frame, Headers, Limits, Options};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BODY: usize = 3_000_000;
const COUNT: usize = 2_000;

/// The broker's side: takes everything, and floods whoever subscribes.
struct Stub {
    socket: TcpStream,
    codec: Codec,
    buffer: BytesMut,
}

impl Stub {
    async fn run(mut self) -> Result<(), Error> {
        loop {
            match self.codec.decode(&mut self.buffer)? {
                Some(Event::Frame(frame)) => self.answer(&frame).await?,
                Some(Event::HeartBeat) => {}
                None if self.socket.read_buf(&mut self.buffer).await? == 0 => return Ok(()),
                None => {}
            }
        }
    }

    async fn answer(&mut self, frame: &Frame) -> Result<(), Error> {
        if frame.command == Command::Connect {
            self.say(Command::Connected, Headers::new().with("version", "1.2"), &[]).await?;
        }
        if let Some(id) = frame.headers.get("receipt") {
            self.say(Command::Receipt, Headers::new().with("receipt-id", id), &[]).await?;
        }
        if frame.command == Command::Subscribe {
            let id = frame.headers.get("id").unwrap_or_default();
            let headers = Headers::new().with("subscription", id).with("content-length", BODY);
            let body = vec![0; BODY];
            for _ in 0..COUNT {
                self.say(Command::Message, headers.clone(), &body).await?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, command: Command, headers: Headers, body: &[u8]) -> Result<(), Error> {
        let mut head = BytesMut::new();
        Codec::encode_head(command, &headers, &mut head);
        self.socket.write_all(&head).await?;
        self.socket.write_all(body).await?;
        head.clear();
        head.put_u8(0);
        Ok(self.socket.write_all(&head).await?)
    }
}

async fn connect() -> Result<Client, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let options =
        Options { port: listener.local_addr()?.port(), host: "127.0.0.1".into(), ..Options::default() };
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await?;
        Stub { socket, codec: Codec::new(Limits::default()), buffer: BytesMut::new() }.run().await
    });
    Client::connect(&options).await
}

fn report(what: &str, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let gigabytes = (BODY * COUNT) as f64 / 1e9;
    println!("{what}: {:.2} GB/s, {:.0} messages/s", gigabytes / seconds, COUNT as f64 / seconds);
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = connect().await?;
    let body = Bytes::from(vec![0; BODY]);
    let start = Instant::now();
    for _ in 0..COUNT {
        client.send("/queue/a", Headers::new(), body.clone()).await?;
    }
    client.disconnect().await?;
    report("out", start);

    let client = connect().await?;
    let start = Instant::now();
    let mut messages = client.subscribe("/queue/a", AckMode::Auto, 0, Headers::new()).await?;
    for _ in 0..COUNT {
        messages.next().await.ok_or(Error::Closed)?;
    }
    report("in", start);
    Ok(())
}
