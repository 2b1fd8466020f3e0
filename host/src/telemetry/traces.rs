//! Which calls and turns become spans, and what trace context goes on with messages.
//! Asked by `client` and `activation`. Whether a trace is kept is decided where it begins, and respected by all behind.
//! While nobody exports traces, contexts pass through as they came, and spans are for log lines only.

use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::config::{Signal, Telemetry};

/// Bytes of a `traceparent`.
const PARENT_BYTES: usize = 55;
/// Longest `tracestate` that is passed on, in bytes: as much as W3C demands.
const STATE_BYTES_MAX: usize = 512;

/// How traces are sampled. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traces {
    /// Of the traces that begin here those are kept whose id's lower half is below. None: nobody exports traces.
    kept_below: Option<u128>,
}

/// A call or a turn that is traced, or not.
#[derive(Debug)]
pub(crate) struct Traced {
    /// Around it; disabled if nobody wants it.
    pub(crate) span: Span,
    /// What messages carry that are sent within.
    pub(crate) onward: Option<String>,
}

impl Traced {
    /// A span within: none, if this one is not wanted.
    pub(crate) fn within(&self, span: impl FnOnce(&Span) -> Span) -> Span {
        within(&self.span, span)
    }
}

/// A span within another; none, if that one is not wanted.
pub(crate) fn within(parent: &Span, span: impl FnOnce(&Span) -> Span) -> Span {
    if parent.is_disabled() { Span::none() } else { span(parent) }
}

impl Traces {
    /// Sampling as the settings say.
    pub(crate) fn of(settings: &Telemetry) -> Self {
        let are_exported = settings.otlp.is_some() && settings.signals.contains(&Signal::Traces);
        Self { kept_below: are_exported.then(|| settings.sample.of(1 << 64)) }
    }

    /// Begins a span under what came with a message, if anything did.
    pub(crate) fn begin(self, came: Option<&str>, span: impl FnOnce() -> Span) -> Traced {
        let pass = || came.map(Into::into);
        let Some(kept_below) = self.kept_below else { return Traced { span: span(), onward: pass() } };
        let parent = came.and_then(read);
        let context = parent.clone().unwrap_or_else(|| begin_trace(kept_below));
        if !context.is_sampled() {
            // Log lines may want to stand in a span all the same.
            let span = if tracing::event_enabled!(Level::DEBUG) { span() } else { Span::none() };
            let onward = Some(write(&context));
            put_below(&span, context);
            return Traced { span, onward };
        }
        let span = span();
        if let Some(parent) = parent {
            put_below(&span, parent);
        }
        let own = span.context().span().span_context().clone();
        Traced { span, onward: if own.is_valid() { Some(write(&own)) } else { pass() } }
    }
}

/// A context from outside, as messages carry it, without what W3C does not know; none, if that is all.
pub(crate) fn checked_trace(came: &str) -> Option<String> {
    let (parent, state) = came.split_once(' ').unwrap_or((came, ""));
    let whole = if read_state(state).is_some() { came } else { parent };
    read(whole).map(|_| whole.into())
}

fn put_below(span: &Span, parent: SpanContext) {
    // It fails for a span that was never enabled, and then there is nothing to do.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// A trace that nobody began before: kept or not.
fn begin_trace(kept_below: u128) -> SpanContext {
    let ids = RandomIdGenerator::default();
    let trace = ids.new_trace_id();
    let is_kept = (u128::from_be_bytes(trace.to_bytes()) & u128::from(u64::MAX)) < kept_below;
    let flags = TraceFlags::default().with_sampled(is_kept);
    SpanContext::new(trace, ids.new_span_id(), flags, false, TraceState::default())
}

fn read(text: &str) -> Option<SpanContext> {
    let (parent, state) = text.split_once(' ').unwrap_or((text, ""));
    let mut fields = Some(parent).filter(|parent| parent.len() == PARENT_BYTES)?.split('-');
    let mut next = |length: usize| fields.next().filter(|field| field.len() == length);
    let version = u8::from_str_radix(next(2)?, 16).ok()?;
    let (trace, span) = (TraceId::from_hex(next(32)?).ok()?, SpanId::from_hex(next(16)?).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(next(2)?, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, read_state(state)?);
    (version != u8::MAX && context.is_valid()).then_some(context)
}

fn read_state(text: &str) -> Option<TraceState> {
    let is_plain = text.len() <= STATE_BYTES_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_plain.then(|| TraceState::from_str(text).ok())?
}

fn write(context: &SpanContext) -> String {
    let flags = context.trace_flags().to_u8();
    let parent = format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id());
    let state = context.trace_state().header();
    if state.is_empty() { parent } else { format!("{parent} {state}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn traces(sample: &str) -> Traces {
        let settings = Telemetry {
            otlp: Some("http://127.0.0.1:4318".into()),
            sample: sample.parse().unwrap(),
            ..Telemetry::default()
        };
        Traces::of(&settings)
    }

    #[test]
    fn a_context_reads_back() {
        for text in [SAMPLED, UNSAMPLED, &format!("{SAMPLED} vendor=a,other=b")] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
        let zero = SAMPLED.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        let letters = SAMPLED.replace("0af7", "0aX7");
        for text in ["", "00", &zero, &letters, &SAMPLED.replace("00-0a", "ff-0a"), &format!("{SAMPLED}-1")] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn headers_that_w3c_does_not_know_are_not_passed_on() {
        assert_eq!(checked_trace(SAMPLED).as_deref(), Some(SAMPLED));
        assert_eq!(checked_trace(&format!("{SAMPLED} a=b")), Some(format!("{SAMPLED} a=b")));
        assert_eq!(checked_trace(&format!("{SAMPLED} a={}", "b".repeat(600))).as_deref(), Some(SAMPLED));
        assert_eq!(checked_trace(&format!("{SAMPLED} a=b\nc")).as_deref(), Some(SAMPLED));
        assert_eq!(checked_trace("none a=b"), None);
    }

    #[test]
    fn nobody_who_exports_changes_no_context() {
        let traced = Traces::of(&Telemetry::default()).begin(Some(SAMPLED), Span::none);
        assert_eq!(traced.onward.as_deref(), Some(SAMPLED));
        assert_eq!(Traces::of(&Telemetry::default()).begin(None, Span::none).onward, None);
    }

    #[test]
    fn what_was_not_kept_at_its_beginning_is_not_kept_behind() {
        let unkept = traces("1").begin(Some(UNSAMPLED), || panic!("a span"));
        assert_eq!(unkept.onward.as_deref(), Some(UNSAMPLED));
        let begun = traces("0").begin(None, || panic!("a span")).onward.unwrap();
        assert!(begun.ends_with("-00"), "{begun}");
        assert_eq!(traces("1").begin(Some(&begun), || panic!("a span")).onward, Some(begun));
    }

    #[test]
    fn so_many_traces_are_kept_as_the_settings_say() {
        let kept = |sample| (0..1_000).filter(|_| begin_trace(traces(sample).kept_below.unwrap()).is_sampled()).count();
        assert_eq!((kept("0"), kept("1")), (0, 1_000));
        assert!((150..350).contains(&kept("0.25")));
    }
}
