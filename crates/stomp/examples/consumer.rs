//! A consumer that outlives its broker: takes messages from a queue, acks them, and connects again when it must.
//!
//! ```text
//! cargo run -p karaoke-stomp --example consumer -- stomp://guest:guest@localhost:61613/ /queue/demo 3
//! ```
//! Ends after that many messages (without a number: never). `--send` in front of them sends as many first.

use karaoke_stomp::{AckMode, Client, Error, Headers, Options};
use std::time::Duration;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_sender = arguments.first().is_some_and(|first| first == "--send");
    if is_sender {
        arguments.remove(0);
    }
    let mut arguments = arguments.into_iter();
    let (Some(url), Some(queue)) = (arguments.next(), arguments.next()) else {
        return Err("usage: consumer [--send] URL QUEUE [COUNT]".into());
    };
    let mut left = arguments.next().map(|count| count.parse::<u64>()).transpose()?;
    let options = Options::from_url(&url)?;
    if is_sender {
        let client = Client::connect(&options).await?;
        for number in 0..left.unwrap_or(1) {
            // The receipt says that the broker has it.
            client.send_with_receipt(&queue, Headers::new(), format!("message {number}").into()).await?;
        }
        client.disconnect().await?;
    }
    while left != Some(0) {
        match consume(&options, &queue, &mut left).await {
            Ok(()) => {}
            Err(error) if error.retryable() => {
                eprintln!("{error}; connecting again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Prints messages until none is `left` or the connection is lost. An unacked message comes again.
async fn consume(options: &Options, queue: &str, left: &mut Option<u64>) -> Result<(), Error> {
    let client = Client::connect(options).await?;
    // One message in hand: the broker keeps the others for other consumers.
    let mut messages = client.subscribe(queue, AckMode::ClientIndividual, 1, Headers::new()).await?;
    while *left != Some(0) {
        let Some(message) = messages.next().await else { return Err(client.closed().await) };
        println!("{}", String::from_utf8_lossy(&message.body));
        if let Some(ack_id) = message.ack_id() {
            client.ack(ack_id)?;
        }
        *left = left.map(|left| left - 1);
    }
    client.disconnect().await
}
