//! Where notifications arrive: a web server that keeps what is sent to it, and a mail server that does.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was sent to a webhook.
#[derive(Clone, Debug)]
pub struct Received {
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As it was sent.
    pub body: String,
}

impl Received {
    /// The value of a header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// How a webhook answers.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// With that status.
    Status(u16),
    /// With the way to another address (307).
    Redirect(&'static str),
    /// Never.
    Nothing,
}

/// A webhook's end, until the tests' process ends.
pub struct WebhookReceiver {
    /// Its address.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    replies: Mutex<VecDeque<Reply>>,
}

impl WebhookReceiver {
    /// One that answers 204.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = served.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { url, shared }
    }

    /// How the next requests are answered, one after the other.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().expect("replies").extend(replies);
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("received").clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let Some(received) = read_request(&stream) else { return };
        self.received.lock().expect("received").push(received);
        let reply = self.replies.lock().expect("replies").pop_front().unwrap_or(Reply::Status(204));
        let head = match reply {
            Reply::Status(status) => format!("HTTP/1.1 {status} Told\r\n"),
            Reply::Redirect(to) => format!("HTTP/1.1 307 There\r\nLocation: {to}\r\n"),
            Reply::Nothing => {
                // Until the other end hangs up.
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        let _ = write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

fn read_request(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut received = Received { headers, body: String::new() };
    let mut body = vec![0; received.header("content-length").parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    received.body = String::from_utf8(body).ok()?;
    Some(received)
}

/// A mail server that takes everything, or refuses recipients, until the tests' process ends.
pub struct MailServer {
    /// Its address for `email.smtp`.
    pub url: String,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// One that takes mail for everybody but `nobody@…`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = mails.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = kept.clone();
                std::thread::spawn(move || {
                    let _ = converse(stream, &kept);
                });
            }
        });
        Self { url, mails }
    }

    /// The mails that have come so far, as they were sent.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("mails").clone()
    }
}

fn converse(mut stream: TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 mail.test\r\n")?;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_ascii_uppercase();
        if command == "DATA" {
            stream.write_all(b"354 go on\r\n")?;
            let mut mail = String::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                if line == ".\r\n" {
                    break;
                }
                mail.push_str(&line);
            }
            mails.lock().expect("mails").push(mail);
        }
        let answer = match command.as_str() {
            c if c.starts_with("RCPT TO:<NOBODY@") => "550 nobody of that name",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}
