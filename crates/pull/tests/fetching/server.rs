//! An HTTP server that behaves as badly as it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a client asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that was asked for.
    pub fn from(&self) -> usize {
        let range = self.header("range").and_then(|r| r.strip_prefix("bytes="));
        range.and_then(|r| r.trim_end_matches('-').parse().ok()).unwrap_or(0)
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    /// The connection is cut after so many bytes of the body.
    pub cut: Option<usize>,
    /// After the body (or the cut) nothing happens any more.
    pub stall: bool,
}

/// A plain answer.
pub fn answer(status: &'static str, body: &[u8]) -> Answer {
    let headers = vec![format!("Content-Length: {}", body.len())];
    Answer { status, headers, body: body.to_vec(), cut: None, stall: false }
}

/// A redirect.
pub fn redirect(to: &str) -> Answer {
    let mut answer = answer("302 Found", b"");
    answer.headers.push(format!("Location: {to}"));
    answer
}

/// Answers as a good server does, which knows ranges and the ETag.
pub fn good(file: &[u8], etag: &str, request: &Request) -> Answer {
    let from = request.from();
    let same = request.header("if-range").is_none_or(|v| v == etag);
    let mut answer = match from > 0 && same {
        true => {
            let mut answer = answer("206 Partial Content", &file[from..]);
            let range = format!("Content-Range: bytes {from}-{}/{}", file.len() - 1, file.len());
            answer.headers.push(range);
            answer
        }
        false => answer("200 OK", file),
    };
    answer.headers.push(format!("ETag: {etag}"));
    answer
}

type Handler = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// A server; its thread ends with the test's process.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with what `handler` says to it and its number (from 0).
    pub fn start(handler: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, handler): (_, Arc<Handler>) = (requests.clone(), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, handler) = (seen.clone(), handler.clone());
                std::thread::spawn(move || serve(stream, &seen, &*handler));
            }
        });
        Self { url, requests }
    }

    /// What has been asked for so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, handler: &Handler) {
    let Some(request) = read(&stream) else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let answer = handler(&request, number);
    let headers: String = answer.headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("HTTP/1.1 {}\r\nConnection: close\r\n{headers}\r\n", answer.status);
    let body = &answer.body[..answer.cut.unwrap_or(answer.body.len()).min(answer.body.len())];
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    if answer.stall {
        // Until the client has had enough.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let header = |line: String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.take_while(|l| !l.is_empty()).filter_map(header).collect();
    Some(Request { target, headers })
}
