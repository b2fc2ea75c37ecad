//! A span for every request, for whoever collects traces. Where nobody does, there is none. Names and attributes are
//! those of OpenTelemetry's semantic conventions for HTTP servers; never a query, which may carry what is private.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer};
use opentelemetry::{KeyValue, global};

use crate::RequestId;

const TRACER: &str = "draftwire.http";

pub(crate) struct RequestSpan {
    span: global::BoxedSpan,
    method: Method,
}

impl RequestSpan {
    /// A child of the client's span, if it says which.
    pub(crate) fn start(request: &ServiceRequest, id: &RequestId) -> Option<Self> {
        let headers = Headers(request.headers());
        // Who collects traces has said how a span is named in headers.
        let parent = global::get_text_map_propagator(|propagator| {
            let is_collected = propagator.fields().next().is_some();
            is_collected.then(|| propagator.extract(&headers))
        })?;
        let tracer = global::tracer(TRACER);
        let method = request.method().clone();
        let builder = tracer.span_builder(method.to_string());
        let builder = builder.with_kind(SpanKind::Server);
        let mut span = builder.start_with_context(&tracer, &parent);
        if !span.is_recording() {
            return None;
        }
        span.set_attributes([
            KeyValue::new("http.request.method", method.to_string()),
            KeyValue::new("draftwire.request.id", id.to_string()),
        ]);
        Some(Self { span, method })
    }

    /// `route` is the pattern that the path matched: paths themselves are too many for a name.
    pub(crate) fn end(mut self, route: Option<String>, status: StatusCode) {
        let span = &mut self.span;
        if let Some(route) = route {
            span.update_name(format!("{} {route}", self.method));
            span.set_attribute(KeyValue::new("http.route", route));
        }
        let code = status.as_u16();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(code)));
        if status.is_server_error() {
            span.set_status(Status::error(String::new()));
        }
        span.end();
    }
}

struct Headers<'r>(&'r HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
