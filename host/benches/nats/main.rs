//! What Hydra makes of a NATS server, beside what the server gives: turns per second of the raw log, of the bare protocol
//! and of whole hosts, in one run, each on a fresh server of its own; then latencies, and a backlog worked off.
//! The handler is native, so WebAssembly is not in any figure. Needs the nats-server that `./just setup` installs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that fails shall stop")]

mod bare;
mod course;
mod hosted;
mod load;
#[path = "../support/native.rs"]
mod native;
#[path = "../support/node.rs"]
mod node;
mod usage;
mod world;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use course::{Course, Row};
use hydra::backend::nats::Nats;
use load::Load;
use tokio::runtime::{Builder, Runtime};
use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure turns per second on NATS
#[derive(Debug, Parser)]
struct Options {
    /// Turns of each row
    #[arg(long, default_value_t = 200_000)]
    turns: u64,
    /// Seconds of each latency row
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Messages that wait when the last row begins
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u64,
    /// One row alone: ACTORS/SENDS/BODY, `latency` or `backlog`
    #[arg(long)]
    only: Option<String>,
    /// One column alone: `raw`, `bare` or `hydra`
    #[arg(long)]
    side: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn wants(&self, row: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == row)
    }

    fn has(&self, side: &str) -> bool {
        self.side.as_ref().is_none_or(|only| only == side)
    }
}

fn main() {
    let options = Options::parse();
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    throughput(&runtime, &options);
    if options.wants("latency") {
        latency(&runtime, Duration::from_secs(options.seconds));
    }
    if options.wants("backlog") {
        backlog(&runtime, options.backlog);
    }
}

/// The matrix: actors, messages sent by each turn, bytes of a body.
fn throughput(runtime: &Runtime, options: &Options) {
    let turns = options.turns;
    println!("Turns a second (CPU of this process + CPU of the server in us a turn), {turns} turns");
    println!("| actors | sends | body | raw log | bare protocol | Hydra | Hydra / bare | Hydra / raw |");
    println!("|---|---|---|---|---|---|---|---|");
    for actors in [1, 1_000, 100_000] {
        for sends in [0, 1] {
            for body in [128, 1_024] {
                if !options.wants(&format!("{actors}/{sends}/{body}")) {
                    continue;
                }
                let load = Load { actors, sends, body, turns };
                let raw =
                    options.has("raw").then(|| measure(runtime, load, |nats, course| bare::raw(nats, load, course)));
                let bare = options
                    .has("bare")
                    .then(|| measure(runtime, load, |nats, course| bare::protocol(nats, load, course)));
                let hydra = options
                    .has("hydra")
                    .then(|| measure(runtime, load, |nats, course| hosted::work_off(nats, load, course)));
                let (to_bare, to_raw) = (ratio(hydra.as_ref(), bare.as_ref()), ratio(hydra.as_ref(), raw.as_ref()));
                let [one, two, three] = [raw, bare, hydra].map(|row| row.as_ref().map_or_else(String::new, cell));
                println!("| {actors} | {sends} | {body} | {one} | {two} | {three} | {to_bare} | {to_raw} |");
            }
        }
    }
}

fn ratio(one: Option<&Row>, other: Option<&Row>) -> String {
    one.zip(other).map_or_else(String::new, |(one, other)| format!("{:.2}", one.rate / other.rate))
}

fn cell(row: &Row) -> String {
    format!("{:.0} ({:.1} + {:.1})", row.rate, row.own, row.server)
}

/// Fills a fresh server's mailboxes, then has `work` empty them.
fn measure<F: Future<Output = ()>>(runtime: &Runtime, load: Load, work: impl FnOnce(Nats, Arc<Course>) -> F) -> Row {
    runtime.block_on(async {
        let World { nats, server } = World::start().await;
        load.fill(&nats).await;
        let course = Arc::new(Course::new(load.turns, server.id()));
        work(nats, course.clone()).await;
        course.row()
    })
}

fn latency(runtime: &Runtime, span: Duration) {
    println!(
        "\nFrom the scheduled time of an ask to its answer, 1,000 actors, one record write an ask, open loop, {span:?}"
    );
    println!("| asks a second | answered | p50 ms | p99 ms | max ms |");
    println!("|---|---|---|---|---|");
    for rate in [500, 5_000, 20_000] {
        let times = runtime.block_on(async {
            let World { nats, server: _server } = World::start().await;
            hosted::ask(nats, rate, span).await
        });
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        println!("| {rate} | {} | {:.2} | {:.2} | {:.1} |", times.len(), at(0.5), at(0.99), times.max() as f64 / 1e3);
    }
}

fn backlog(runtime: &Runtime, turns: u64) {
    let load = Load { actors: 1_000, sends: 0, body: 128, turns };
    let row = measure(runtime, load, |nats, course| hosted::work_off(nats, load, course));
    let took = turns as f64 / row.rate;
    println!(
        "\nA backlog of {turns} messages to 1,000 actors, from the first turn: {took:.1} s, {} turns/s",
        cell(&row)
    );
}
