//! STOMP by hand: frames over a socket, so that these tests depend on no client.

use karaoke_tests::wait::DEADLINE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A received frame.
#[derive(Clone, Debug)]
pub struct Frame {
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Frame {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A connection that is logged in.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to `stomp://user:password@host:port/virtual-host`.
    pub fn open(url: &str) -> Self {
        let (login, place) = url.strip_prefix("stomp://").and_then(|u| u.split_once('@')).expect("a URL");
        let (user, password) = login.split_once(':').expect("a password");
        let (address, virtual_host) = place.split_once('/').expect("a path");
        let virtual_host = if virtual_host.is_empty() { "/" } else { virtual_host };
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut connection = Self { stream: BufReader::new(stream) };
        let headers =
            [("accept-version", "1.2"), ("host", virtual_host), ("login", user), ("passcode", password)];
        connection.send("CONNECT", &headers, b"");
        assert_eq!(connection.receive().expect("an answer").command, "CONNECTED");
        connection
    }

    /// Sends a frame.
    pub fn send(&mut self, command: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut frame = format!("{command}\n").into_bytes();
        for (name, value) in headers {
            frame.extend(format!("{name}:{value}\n").bytes());
        }
        if !body.is_empty() {
            frame.extend(format!("content-length:{}\n", body.len()).bytes());
        }
        frame.push(b'\n');
        frame.extend(body);
        frame.push(0);
        self.stream.get_mut().write_all(&frame).expect("the broker reads");
    }

    /// Sends a frame and waits until the broker has done it, or says why not.
    pub fn ask(&mut self, command: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), String> {
        self.send(command, &[headers, &[("receipt", "r")]].concat(), body);
        let answer = self.receive().ok_or("the broker is gone")?;
        match answer.command.as_str() {
            "RECEIPT" => Ok(()),
            _ => Err(String::from_utf8_lossy(&answer.body).into_owned()),
        }
    }

    /// The next frame; none when the broker closes.
    pub fn receive(&mut self) -> Option<Frame> {
        let command = loop {
            match self.line()? {
                line if line.is_empty() => {}
                line => break line,
            }
        };
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => break,
            }
        }
        let mut frame = Frame { command, headers, body: Vec::new() };
        match frame.header("content-length") {
            Some(length) => {
                frame.body = vec![0; length.parse::<usize>().expect("a length") + 1];
                self.stream.read_exact(&mut frame.body).ok()?;
            }
            None => drop(self.stream.read_until(0, &mut frame.body).ok()?),
        }
        frame.body.pop();
        Some(frame)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}
