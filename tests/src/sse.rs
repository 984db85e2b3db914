//! Reads a stream of server-sent events.

use crate::wait::DEADLINE;
use reqwest::Response;
use serde_json::Value;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// The events of one connection.
pub struct Events {
    response: Response,
    text: String,
}

impl Events {
    /// Reads from an answer with 200 and the right type.
    pub fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` when the server ends the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (parse(block), rest.to_owned());
                self.text = rest;
                // Comments keep the connection alive and are no events.
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let part = tokio::time::timeout(DEADLINE, self.response.chunk()).await.expect("an event in time");
            match part {
                Ok(Some(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8")),
                _ => return None,
            }
        }
    }

    /// All events until the stream ends.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':').map(|v| v.trim().to_owned()))
    };
    let data = field("data").map(|d| serde_json::from_str(&d).expect("JSON"))?;
    Some(Event { id: field("id")?, name: field("event")?, data })
}
