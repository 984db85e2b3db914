//! A client of the REST API, as a developer would write one.

use crate::wait;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// The API of one server.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
}

/// A track that was accepted.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name.
    pub id: String,
    /// What opens it.
    pub passcode: String,
}

impl Api {
    /// The API at `url`.
    pub fn new(url: &str) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { client, base: url.to_owned() }
    }

    /// A request without a passcode.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A request about a track, with its passcode; `path` goes behind the track's address.
    pub fn about(&self, method: Method, track: &Track, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/v1/tracks/{}{path}", track.id))
            .header("X-Track-Passcode", &track.passcode)
    }

    /// Uploads as a browser's form does.
    pub async fn upload_form(&self, name: &str, bytes: Vec<u8>, model: &str) -> Response {
        let file = Part::bytes(bytes).file_name(name.to_owned());
        let form = Form::new().text("model", model.to_owned()).part("file", file);
        self.request(Method::POST, "/api/v1/tracks").multipart(form).send().await.expect("an answer")
    }

    /// Uploads as `curl --data-binary` does.
    pub async fn upload_raw(&self, name: &str, bytes: Vec<u8>, model: &str) -> Response {
        let request = self.request(Method::POST, "/api/v1/tracks").query(&[("name", name), ("model", model)]);
        request.body(bytes).send().await.expect("an answer")
    }

    /// Uploads and expects to be accepted.
    pub async fn accepted(&self, name: &str, bytes: Vec<u8>, model: &str) -> Track {
        let answer = self.upload_form(name, bytes, model).await;
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 202, "{body}");
        let text = |key: &str| body[key].as_str().expect(key).to_owned();
        Track { id: text("id"), passcode: text("passcode") }
    }

    /// The track as JSON.
    pub async fn show(&self, track: &Track) -> Value {
        self.json(self.about(Method::GET, track, "")).await
    }

    /// Sends, expects 200 and reads JSON.
    pub async fn json(&self, request: RequestBuilder) -> Value {
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Waits until the track is in a state, or fails with what it is in instead.
    pub async fn until_state(&self, track: &Track, state: &str) -> Value {
        wait::until(&format!("{} is {state}", track.id), || async {
            let view = self.show(track).await;
            let now = view["state"].as_str().expect("a state").to_owned();
            let ended = ["done", "failed", "cancelled"].contains(&now.as_str());
            assert!(now == state || !ended, "{view}");
            (now == state).then_some(view)
        })
        .await
    }

    /// Downloads a file of a stem, say `vocals.wav?bits=float`.
    pub async fn stem(&self, track: &Track, file: &str) -> Vec<u8> {
        let answer =
            self.about(Method::GET, track, &format!("/stems/{file}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{file}");
        let length = answer.content_length();
        let bytes = answer.bytes().await.expect("a body").to_vec();
        assert_eq!(length, Some(bytes.len() as u64), "Content-Length of {file}");
        bytes
    }

    /// Reads a problem document and checks that it is one.
    pub async fn problem(answer: Response) -> (u16, String, String) {
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(kind, Some(HeaderValue::from_static("application/problem+json")), "{body}");
        assert_eq!(body["status"], status, "{body}");
        let text = |key: &str| body[key].as_str().expect(key).to_owned();
        (status, text("title"), text("detail"))
    }

    /// Headers of an answer to `request`, whose body is not read.
    pub async fn head_of(&self, request: RequestBuilder) -> (u16, HeaderMap) {
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone())
    }
}
