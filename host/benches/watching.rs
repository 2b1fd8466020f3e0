//! What it costs to watch a host: asks a second without a collector, and with one that takes traces, metrics and log lines.
//! Real hosts, a real load by `hydra bench`, one after the other in rounds of one run, so that a busy machine is so for all.
//! Needs the binary of the same profile and the samples: `./just bench-watching`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that fails shall stop")]

use clap::Parser;
use hydra_tests::collector::{Collector, Mood};
use hydra_tests::host::Host;
use tempfile::TempDir;

/// Measure what watching costs
#[derive(Debug, Parser)]
struct Options {
    /// Rounds: in each, every host is measured once
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Callers that ask at once
    #[arg(long, default_value_t = 64)]
    callers: u16,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// One way to run a host.
struct Way {
    name: &'static str,
    host: Host,
    per_second: Vec<f64>,
    _folder: TempDir,
}

impl Way {
    fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::start_set(settings, &folder.path().join("store"), &["--durability", "os"]).unwrap();
        host.deploy("counter", "counter", None).unwrap();
        Self { name, host, per_second: Vec::new(), _folder: folder }
    }

    fn measure(&mut self, options: &Options) {
        let (seconds, callers) = (options.seconds.to_string(), options.callers.to_string());
        let rows = self.host.json(&["bench", "--rate", "0", "--seconds", &seconds, "--callers", &callers]).unwrap();
        let run = rows.as_array().unwrap().last().unwrap();
        assert_eq!(run["failed"], 0, "{run}");
        self.per_second.push(run["per_second"].as_f64().unwrap());
    }
}

fn main() {
    let options = Options::parse();
    let collector = Collector::start(Mood::Takes).unwrap();
    let told = ("HYDRA_TELEMETRY_OTLP", collector.url.as_str());
    let sample = |part| ("HYDRA_TELEMETRY_SAMPLE", part);
    let mut ways = [
        Way::start("no collector", &[]),
        Way::start("everything, no trace kept", &[told, sample("0")]),
        Way::start("everything, 1 trace of 100 kept", &[told, sample("0.01")]),
        Way::start("everything, 1 trace of 10 kept", &[told, sample("0.1")]),
        Way::start("everything, all traces kept", &[told, sample("1")]),
    ];
    for round in 0..options.rounds {
        // Each is the first of a round as often as the others.
        ways.rotate_left(1);
        ways.iter_mut().for_each(|way| way.measure(&options));
        eprintln!("round {} of {}", round + 1, options.rounds);
    }
    ways.sort_by_key(|way| way.name != "no collector");
    let plain = ways[0].per_second.clone();
    println!("{:<34} {:>9} {:>8}", "host", "asks/s", "of plain");
    for way in &ways {
        // Round by round, so that what slows a whole round slows both sides.
        let ratios = way.per_second.iter().zip(&plain).map(|(watched, plain)| watched / plain).collect();
        println!("{:<34} {:>9.0} {:>8.3}", way.name, median(way.per_second.clone()), median(ratios));
    }
    println!("the collector took {} requests", collector.requests());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
