//! A span for every attempt, for whoever collects traces. Where nobody does, there is none.

use contract::{DeliveryId, Event};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Link, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_http::HeaderInjector;
use reqwest::header::{HeaderMap, HeaderValue};

use super::Work;
use super::attempt::trace_parent;
use crate::transport::{Outcome, OutcomeKind};

const TRACER: &str = "draftwire.delivery";
const NAME: &str = "deliver";

pub(super) struct AttemptSpan(Context);

impl AttemptSpan {
    /// A child of what the publisher gave along with the event. That of a batch stands by itself and points to them all.
    pub(super) fn start<'w>(works: impl Iterator<Item = &'w Work> + Clone) -> Option<Self> {
        if !is_collected() {
            return None;
        }
        let tracer = global::tracer(TRACER);
        let first = works.clone().next()?;
        let size = works.clone().count();
        let builder = tracer.span_builder(NAME).with_kind(SpanKind::Client);
        let span = match size {
            1 => builder.start_with_context(&tracer, &given(&first.event)),
            _ => {
                let contexts = works.map(|work| given(&work.event));
                let links = contexts.filter_map(|context| link(&context)).collect();
                builder
                    .with_links(links)
                    .start_with_context(&tracer, &Context::new())
            }
        };
        let context = Context::new().with_span(span);
        context.span().set_attributes(attributes(first, size));
        Some(Self(context))
    }

    /// Tells the endpoint whose child its own span is.
    pub(super) fn name_in(&self, headers: &mut HeaderMap<HeaderValue>) {
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&self.0, &mut HeaderInjector(headers));
        });
    }

    pub(super) fn end(self, outcome: &Outcome) {
        let span = self.0.span();
        if let Some(status) = outcome.status {
            span.set_attribute(KeyValue::new(
                "http.response.status_code",
                i64::from(status),
            ));
        }
        if outcome.kind != OutcomeKind::Delivered {
            let message = outcome.message.clone().unwrap_or_default();
            span.set_status(Status::error(message));
        }
        span.end();
    }
}

/// Who collects traces has said how a span is named in headers. Asked first: it costs next to nothing.
fn is_collected() -> bool {
    global::get_text_map_propagator(|propagator| propagator.fields().next().is_some())
}

/// What tells one attempt from another; of a batch what its members share.
fn attributes(first: &Work, size: usize) -> Vec<KeyValue> {
    let (event, delivery) = (&first.event, DeliveryId(first.delivery_id));
    let subscription = KeyValue::new("draftwire.subscription.id", first.endpoint.uuid.clone());
    match size {
        1 => vec![
            subscription,
            KeyValue::new("draftwire.delivery.id", delivery.to_string()),
            KeyValue::new("draftwire.event.id", event.id.to_string()),
            KeyValue::new("draftwire.event.type", event.event_type.as_str().to_owned()),
        ],
        _ => {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            vec![
                subscription,
                KeyValue::new("messaging.batch.message_count", size),
            ]
        }
    }
}

/// Where the publisher says that the event belongs.
fn given(event: &Event) -> Context {
    let parent = event.metadata.as_ref().and_then(trace_parent);
    match &parent {
        Some(parent) => {
            global::get_text_map_propagator(|propagator| propagator.extract(&TraceParent(parent)))
        }
        None => Context::new(),
    }
}

fn link(context: &Context) -> Option<Link> {
    let span = context.span();
    let context = span.span_context();
    context
        .is_valid()
        .then(|| Link::with_context(context.clone()))
}

struct TraceParent<'v>(&'v HeaderValue);

impl Extractor for TraceParent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then(|| self.0.to_str().ok())?
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
