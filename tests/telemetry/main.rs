//! What a host sends to an OTLP collector, looked at in the test's own process. What the binary makes of it, and of
//! collectors that take nothing, is in `e2e`.

mod traces;
