//! What a request carries along: its trace and its deadline.
//!
//! A trace is W3C's `traceparent` (Trace Context, level 1). A deadline travels as the time that is left, in milliseconds, in
//! [`TIMEOUT`]: clocks of microVMs differ, so a point in time would mean nothing to the next service. Both live in a task-local
//! [`Context`], so that a handler's calls to other services pass them on without being told.

use std::{
    fmt,
    future::Future,
    str::FromStr,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Header of a trace.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Header of the time that the caller still waits, in milliseconds.
pub const TIMEOUT: HeaderName = HeaderName::from_static("x-timeout-ms");

tokio::task_local! {
    static CURRENT: Context;
}

/// One step of a trace: the trace and the span that is the parent of what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    trace: u128,
    span: u64,
}

impl Trace {
    /// A new trace.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trace: Uuid::new_v4().as_u128(),
            span: span(),
        }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: span(), ..self }
    }

    /// The trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn id(self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

/// A random span id; zero is not one.
fn span() -> u64 {
    Uuid::new_v4().as_u64_pair().1.max(1)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

/// A header that is no `traceparent`; the request gets a trace of its own.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: 00-TRACE-SPAN-FLAGS in hexadecimal digits, ids not zero")]
pub struct Malformed;

impl FromStr for Trace {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parts: Vec<_> = text.split('-').collect();
        let [version, trace, span, flags, ..] = parts.as_slice() else {
            return Err(Malformed);
        };
        // Section 3.2.2: version ff is forbidden, and version 00 has exactly four parts.
        let future = *version != "00" && *version != "ff";
        if !(lengths_fit(version, trace, span, flags) && (future || parts.len() == 4 && *version == "00")) {
            return Err(Malformed);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| Malformed)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| Malformed)?;
        if trace == 0 || span == 0 {
            return Err(Malformed);
        }
        Ok(Self { trace, span })
    }
}

fn lengths_fit(version: &str, trace: &str, span: &str, flags: &str) -> bool {
    [(version, 2), (trace, 32), (span, 16), (flags, 2)]
        .iter()
        .all(|(part, length)| {
            part.len() == *length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
}

/// What the current task carries along.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The span that is being worked on.
    pub trace: Trace,
    /// When whoever asked stops waiting.
    pub deadline: Option<Instant>,
}

impl Context {
    /// What a request's headers say; without them a new trace and no deadline. `most` bounds the deadline.
    #[must_use]
    pub fn of(headers: &HeaderMap, most: Duration) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let trace = text(TRACEPARENT).and_then(|text| text.parse::<Trace>().ok());
        let left = text(TIMEOUT).and_then(|text| text.parse().ok());
        let left = left.map_or(most, Duration::from_millis).min(most);
        Self {
            trace: trace.map_or_else(Trace::new, Trace::child),
            deadline: Some(Instant::now() + left),
        }
    }

    /// That of the current task.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs `work` with this context.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Time until the deadline, at most `most`.
    #[must_use]
    pub fn left(&self, most: Duration) -> Duration {
        self.deadline.map_or(most, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_through_its_text() {
        let trace = Trace::new();
        assert_eq!(trace.to_string().parse(), Ok(trace));
        assert_eq!(trace.child().id(), trace.id());
        assert_ne!(trace.child(), trace);
    }

    #[test]
    fn wrong_headers_are_no_traces() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let span = "b7ad6b7169203331";
        for text in [
            String::new(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-+{}-{span}-01", &trace[1..]),
            format!("00-{}é-{span}-01", &trace[2..]),
        ] {
            assert_eq!(text.parse::<Trace>(), Err(Malformed), "{text}");
        }
        assert!(format!("00-{trace}-{span}-00").parse::<Trace>().is_ok());
        assert!(format!("01-{trace}-{span}-00-what").parse::<Trace>().is_ok());
    }

    #[test]
    fn a_deadline_is_bounded() {
        let mut headers = HeaderMap::new();
        headers.insert(TIMEOUT, HeaderValue::from_static("18446744073709551615"));
        let most = Duration::from_secs(5);
        assert!(Context::of(&headers, most).left(Duration::MAX) <= most);
        headers.insert(TIMEOUT, HeaderValue::from_static("0"));
        assert_eq!(Context::of(&headers, most).left(Duration::MAX), Duration::ZERO);
    }
}
