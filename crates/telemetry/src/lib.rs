//! Traces: which spans belong together, across threads, tasks and machines, and where they are sent.
//!
//! Whoever begins a span says here what it follows, as a *trace parent* (the header `traceparent` of the W3C's Trace
//! Context), and hands that of his own span on. Without an [`Exporter`] nobody listens: then there is no trace parent, and
//! all of this costs next to nothing.

mod client;
mod export;

pub use export::{Exporter, TelemetryConfig, TelemetryError};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header that holds a trace parent, in HTTP and in messages.
pub const HEADER: &str = "traceparent";

/// The trace parent of what this thread is at; none outside of a trace.
pub fn current() -> Option<String> {
    trace_parent(&Context::current())
}

/// The trace parent of a span; none where nobody listens.
pub fn of(span: &Span) -> Option<String> {
    trace_parent(&span.context())
}

/// Makes a span that nobody has entered yet a child of a trace parent. One that makes no sense is ignored.
pub fn follow(span: &Span, trace_parent: Option<&str>) {
    let Some(text) = trace_parent else { return };
    let carrier = HashMap::from([(HEADER.to_owned(), text.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    if context.span().span_context().is_valid() {
        // Without somebody who listens there is nothing to be set.
        let _ = span.set_parent(context);
    }
}

/// Gives a span another name, and attributes beside its fields. The log shows neither.
pub fn describe<const N: usize>(span: &Span, name: &str, attributes: [(&'static str, Value); N]) {
    span.context().span().update_name(name.to_owned());
    for (key, value) in attributes {
        span.set_attribute(key, value);
    }
}

fn trace_parent(context: &Context) -> Option<String> {
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    carrier.remove(HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn without_a_listener_there_is_no_trace() {
        let span = tracing::info_span!("a span");
        follow(&span, Some(PARENT));
        assert_eq!((of(&span), span.in_scope(current)), (None, None));
    }

    #[test]
    fn a_span_follows_what_came_by_a_message_and_hands_its_own_on() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for nonsense in ["", "00-0-0-01", "ü", &PARENT.replace("0af7", "xxxx")] {
                let span = tracing::info_span!("unrelated");
                follow(&span, Some(nonsense));
                assert!(!of(&span).unwrap().contains("651916cd43dd8448eb211c80319c"), "{nonsense}");
            }
            let span = tracing::info_span!("job");
            follow(&span, Some(PARENT));
            describe(&span, "a job", [("size", Value::I64(7))]);
            let own = of(&span).unwrap();
            assert_eq!(span.in_scope(current), Some(own.clone()));
            assert!(own.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && own != PARENT);
        });
        let spans = exporter.get_finished_spans().unwrap();
        let job = spans.iter().find(|span| span.name == "a job").unwrap();
        assert_eq!(job.parent_span_id.to_string(), "b7ad6b7169203331");
        assert!(job.attributes.iter().any(|a| a.key.as_str() == "size" && a.value == Value::I64(7)));
    }
}
