//! The NATS backend against real servers: what is refused and how it is said, what is made and what is left alone.
//! Needs a nats-server (`./just setup`). What every backend must do is in `conformance`.

// So that the lints know: everything here is a test.
#![cfg(test)]

mod server;
