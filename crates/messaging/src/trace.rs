//! Carries the trace of a request through the log, as W3C `traceparent`.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The current span's place in its trace; none when nothing is traced.
pub(crate) fn current() -> Option<String> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}

/// Makes `span` a child of the span that wrote the event.
pub(crate) fn continue_from(span: &Span, trace_parent: Option<&str>) {
    if let Some(parent) = trace_parent.and_then(parse) {
        // Fails only when nothing is traced.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let ("00", trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else { return None };
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}
