//! Timers and requests on a folder and on NATS: how fast timers are set and told, how late, how long a request takes
//! between two awake actors, and what a million timers cost a host that starts.
//! Handlers are native, so WebAssembly is not in any figure. Needs the nats-server that `./just setup` installs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that fails shall stop")]

mod kinds;
#[path = "../support/native.rs"]
mod native;
#[path = "../support/node.rs"]
mod node;
mod store;
mod tally;

use std::ops::Range;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use futures_util::stream::{self, StreamExt as _};
use hdrhistogram::Histogram;
use hydra::backend::{Log, NewMessage};
use hydra::id::ActorId;
use hydra::message::{Headers, Message};
use hydra::names::{MessageId, Subject};
use kinds::{Notes, kinds};
use node::Host;
use store::{Place, Store};
use tally::micros;
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of one append, and appends at once.
const BATCH: usize = 500;
const APPENDS: usize = 8;
/// Actors that ask, in turn.
const ASKERS: u64 = 100;
/// A timer that is set now is due no sooner than this, so that all are set before.
const AHEAD_MS: u64 = 15_000;
/// One that is never due here.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Measure timers and requests
#[derive(Debug, Parser)]
struct Options {
    /// Timers that are due in one second
    #[arg(long, default_value_t = 20_000)]
    burst: u32,
    /// Seconds of 500 timers, and of 500 requests, a second
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Timers that wait while a host starts
    #[arg(long, default_value_t = 1_000_000)]
    pending: u32,
    /// Given by this program to itself: start a host on this store and tell what that took
    #[arg(long, hide = true)]
    open: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(address) = &options.open {
        return runtime.block_on(start(address));
    }
    for place in [Place::folder(), Place::server()] {
        println!("\n{}", place.name());
        runtime.block_on(measure(&place, &options));
    }
    for place in [Place::folder(), Place::server()] {
        println!("\n{}, a host that starts", place.name());
        runtime.block_on(pending(&place, options.pending));
    }
}

async fn measure(place: &Place, options: &Options) {
    let (store, notes) = (Store::open(&place.address()).await, Notes::new());
    let host = Host::start(store.backend(), kinds(&notes)).await;
    host.ready().await;
    let log = store.backend().log;

    let first = micros() / 1_000 + AHEAD_MS;
    let burst = u64::from(options.burst);
    send(&*log, (0..burst).map(|number| message("clock", number, first + number * 1_000 / burst))).await;
    notes.set.reached(options.burst).await;
    assert!(micros() / 1_000 < first, "timers were set too slowly to be told in one second: use fewer");
    println!("set: {:.0}/s, one a turn", notes.set.take().1);
    notes.told.reached(options.burst).await;
    let (late, rate) = notes.told.take();
    println!("told, {burst} due in one second: {rate:.0}/s; late {}", quantiles(&late));

    let (first, count) = (micros() / 1_000 + AHEAD_MS, options.seconds * 500);
    send(&*log, (0..count).map(|number| message("clock", burst + number, first + number * 2))).await;
    notes.told.reached(u32::try_from(count).unwrap()).await;
    println!("told, 500/s: late {}", quantiles(&notes.told.take().0));

    // Every actor once: what is measured is two that are awake.
    ask(&*log, 0..ASKERS).await;
    notes.answered.reached(u32::try_from(ASKERS).unwrap()).await;
    notes.answered.take();
    ask(&*log, ASKERS..ASKERS + count).await;
    notes.answered.reached(u32::try_from(count).unwrap()).await;
    println!("requests, 500/s: answered after {}", quantiles(&notes.answered.take().0));
    host.end().await;
    store.close().await;
}

/// Has 500 requests a second made.
async fn ask(log: &dyn Log, numbers: Range<u64>) {
    let mut schedule = tokio::time::interval(Duration::from_millis(2));
    for number in numbers {
        schedule.tick().await;
        log.append(vec![message("asker", number % ASKERS, number)]).await.unwrap();
    }
}

/// Sets timers that are due in a day, one of an actor each; then starts a host of another process on them.
async fn pending(place: &Place, count: u32) {
    let address = place.address();
    let (store, notes) = (Store::open(&address).await, Notes::new());
    let host = Host::start(store.backend(), kinds(&notes)).await;
    host.ready().await;
    host.end().await;
    store.close().await;
    println!("no timers: {}", started(&address));

    let store = Store::open(&address).await;
    let host = Host::start(store.backend(), kinds(&notes)).await;
    let due = micros() / 1_000 + DAY_MS;
    send(&*store.backend().log, (0..u64::from(count)).map(|number| message("clock", number, due + number))).await;
    notes.set.reached(count).await;
    println!("set: {count} at {:.0}/s", notes.set.take().1);
    host.end().await;
    store.close().await;
    println!("{count} timers: {}", started(&address));
}

/// What a process tells of its start.
fn started(address: &str) -> String {
    let told = Command::new(std::env::current_exe().unwrap()).args(["--open", address]).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap().trim().into()
}

/// Starts a host, and tells when it serves, when a timer that is due at once is told, and what memory it has then.
async fn start(address: &str) {
    let (began, notes) = (Instant::now(), Notes::new());
    let store = Store::open(address).await;
    let host = Host::start(store.backend(), kinds(&notes)).await;
    host.ready().await;
    let ready = began.elapsed();
    send(&*store.backend().log, std::iter::once(message("clock", u64::MAX, micros() / 1_000))).await;
    notes.told.reached(1).await;
    let told = began.elapsed();
    println!("it serves after {ready:.2?}, tells a timer that is due after {told:.2?}, has {:.0} MiB", resident_mib());
    host.end().await;
    store.close().await;
}

fn resident_mib() -> f64 {
    let account = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = account.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().map_or(0.0, |kib| kib.parse::<f64>().unwrap() / 1_024.0)
}

async fn send(log: &dyn Log, messages: impl Iterator<Item = NewMessage>) {
    let batches: Vec<Vec<NewMessage>> =
        messages.collect::<Vec<_>>().chunks(BATCH).map(<[NewMessage]>::to_vec).collect();
    let sending = stream::iter(batches).map(|batch| log.append(batch)).buffer_unordered(APPENDS);
    sending.for_each(|appended| async { drop(appended.unwrap()) }).await;
}

/// A message whose body is this number.
fn message(kind: &str, actor: u64, body: u64) -> NewMessage {
    let (to, id) = (ActorId::parse(&format!("{kind}/{actor}")).unwrap(), format!("{kind}-{actor}-{body}"));
    let (subject, body) = (Subject::new("set").unwrap(), Bytes::from(body.to_string()));
    let (id, sender, headers) = (MessageId::stored(&id), None, Headers::default());
    let (reply, deadline, key, trace) = (None, None, None, None);
    NewMessage::to_inbox(Message { id, to, sender, subject, headers, body, reply, deadline, key, trace }, None)
}

fn quantiles(times: &Histogram<u64>) -> String {
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    format!("p50 {:.2}, p99 {:.2}, max {:.1} ms ({} of them)", at(0.5), at(0.99), times.max() as f64 / 1e3, times.len())
}
