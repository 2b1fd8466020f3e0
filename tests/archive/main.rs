//! A store carried into another one by way of a file: whole or not at all, and its actors go on. Needs a nats-server.
//! The command line's part is in `e2e` and `nats`, what a store must tell for it in `conformance`.

// So that the lints know: everything here is a test.
#![cfg(test)]

mod files;
mod large;
mod moving;
mod refusing;
mod repeating;
mod waiting;
mod world;
