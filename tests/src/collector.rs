//! A tiny OpenTelemetry collector: keeps the spans that programs under test send.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A span as a collector sees it.
#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of who sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace, hexadecimal.
    pub trace: String,
    /// Itself, hexadecimal.
    pub id: String,
    /// What it is within, hexadecimal; empty: nothing.
    pub parent: String,
    /// Its attributes that are text or whole numbers.
    pub attributes: BTreeMap<String, String>,
    /// From when to when, Unix nanoseconds.
    pub time: (u64, u64),
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// The collector, for as long as it lives.
pub struct Collector {
    /// What `telemetry.otlp_endpoint` has to be.
    pub url: String,
    spans: Spans,
    task: JoinHandle<()>,
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let spans = Spans::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(spans.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, spans, task }
    }

    /// What has come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("spans").clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(spans): State<Spans>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut spans = spans.lock().expect("spans");
    for resource in request.resource_spans {
        let of_service = attributes(&resource.resource.unwrap_or_default().attributes);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                service: of_service["service.name"].clone(),
                name: span.name,
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                attributes: attributes(&span.attributes),
                time: (span.start_time_unix_nano, span.end_time_unix_nano),
            });
        }
    }
    StatusCode::OK
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    let pair = |kv: &KeyValue| Some((kv.key.clone(), text(kv.value.as_ref()?.value.as_ref()?)?));
    all.iter().filter_map(pair).collect()
}
