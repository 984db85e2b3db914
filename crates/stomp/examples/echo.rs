//! Sends a message to RabbitMQ, receives it, acks it and leaves:
//! `cargo run -p karaoke-stomp --example echo -- stomp://guest:guest@localhost`

use bytes::Bytes;
use karaoke_stomp::{AckMode, Client, Error, Headers, Options};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "stomp://guest:guest@localhost".into());
    let client = Client::connect(&Options::from_url(&url)?).await?;
    println!("connected to {}", client.server());

    // The queue disappears by itself after a minute without a subscriber.
    let (queue, arguments) = ("/queue/karaoke-stomp-echo", Headers::new().with("x-expires", 60_000));
    let mut messages = client.subscribe(queue, AckMode::ClientIndividual, 1, arguments.clone()).await?;

    let body = Bytes::from_static(b"any bytes, \0 among them");
    client.send_with_receipt(queue, arguments.with("greeting", "hello: world"), body).await?;
    println!("the broker has it");

    let Some(message) = messages.next().await else { return Err(client.closed().await) };
    println!("{:?} {:?}", message.headers.get("greeting"), message.body);
    if let Some(ack_id) = message.ack_id() {
        client.ack(ack_id)?;
    }
    // Waits until the ack has arrived.
    client.disconnect().await
}
