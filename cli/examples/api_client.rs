//! A client of the REST API: uploads a song, follows its progress, downloads the karaoke track.
//!
//! ```text
//! cargo run -p karaoke --example api_client -- http://localhost:8080 SONG [OUTPUT_FILE]
//! ```

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Between two looks at the track. (A page that shows progress listens to `/tracks/{id}/events` instead.)
const POLL_INTERVAL: Duration = Duration::from_millis(500);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: api_client SERVER_URL SONG [OUTPUT_FILE]";
    let (Some(server), Some(song)) = (arguments.next(), arguments.next()) else { return Err(usage.into()) };
    let (server, song) = (server.to_string_lossy().into_owned(), PathBuf::from(song));
    let output = arguments.next().map_or_else(|| PathBuf::from("karaoke.wav"), PathBuf::from);

    let client = Client::new();
    let name = song.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = Part::bytes(std::fs::read(&song)?).file_name(name);
    let upload = client.post(format!("{server}/api/v1/tracks")).multipart(Form::new().part("file", file));
    let accepted: Value = checked(upload.send().await?).await?.json().await?;
    let track = format!("{server}/api/v1/tracks/{}", text(&accepted, "id"));
    let passcode = text(&accepted, "passcode").to_owned();

    loop {
        let request = client.get(&track).header("X-Track-Passcode", &passcode);
        let view: Value = checked(request.send().await?).await?.json().await?;
        eprintln!("{} {:.0} %", text(&view, "state"), 100.0 * view["progress"].as_f64().unwrap_or(0.0));
        match text(&view, "state") {
            "done" => break,
            "failed" | "cancelled" => return Err(view["failure"].to_string().into()),
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
    let request = client.get(format!("{track}/stems/instrumental.wav")).header("X-Track-Passcode", &passcode);
    std::fs::write(&output, checked(request.send().await?).await?.bytes().await?)?;
    println!("{}", output.display());
    Ok(())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The response, or what its problem document says (RFC 9457).
async fn checked(response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    Err(format!("{status}: {}", text(&problem, "detail")).into())
}
