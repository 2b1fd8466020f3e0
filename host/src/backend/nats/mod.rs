//! The store on NATS JetStream: streams for messages, tables for rows, an object store for components. In a call's way:
//!
//! - `open`: connects, refuses servers that lack something, makes what is missing, puts the store together and ends it.
//!   `connect`: the connection and its credentials. `map`: how the slots are divided. `provision`: which streams
//!   there must be, and how they differ. `session`: what everything below shares. `inspect`: looks all of it over from outside, for `hydra doctor`,
//!   with `copies` where there are several servers.
//! - `names`: every subject, stream, table, key and consumer; nothing else puts one together.
//! - `log`: the seam's `Log`. `inbox` opens a bucket, `feed` pulls its messages, `history` reads older ones, `stored` says
//!   what a stored message is, `notices` tells and follows, `interest` knows what is followed anywhere, `time` knows the servers' time, `api` asks them. `table` (with
//!   `listing` and `watch`), `blobs`: the other two.
//! - `calls`: a service for clients that know nothing of streams. `foreign`: reads streams that are somebody else's.
//! - `publisher`: publishes to streams, many at once, each with its own ack. `headers`, `frame`: ours in NATS's grammar and
//!   limits. `error`: what NATS says, as the host understands it and with what to do about it.
//!
//! Invariant: nothing here deletes or changes a stream that exists. What the servers do and cost: `docs/decisions`.

mod api;
mod blobs;
mod calls;
mod connect;
mod copies;
mod error;
mod feed;
mod foreign;
mod frame;
mod headers;
mod history;
mod inbox;
mod inspect;
mod interest;
mod listing;
mod log;
mod map;
mod names;
mod notices;
mod open;
mod provision;
mod publisher;
mod session;
mod stored;
mod table;
mod time;
mod watch;

pub use copies::Copies;
pub use error::OpenError;
pub use inspect::{Report, Rights, Skew, Usage, inspect};
pub use open::{Nats, exists, open, open_with_window};
pub use provision::Difference;
