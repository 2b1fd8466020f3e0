//! `hydra bench` itself: disk, callers, fixed rate, in this order, and one table.
//! Changes the state of actors `bench-N` of one kind. Never compares runs: machine and date are the reader's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use hdrhistogram::Histogram;
use hydra::id::Kind;
use reqwest::Method;
use serde::Serialize;

use super::disk;
use super::load::{self, Load, Measured};
use crate::cli::api::{self, Api};
use crate::cli::input;
use crate::cli::output::{self, Output};

/// Measure a running host, in units of this disk
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra deploy sample-actors/counter && hydra bench\n  hydra bench --callers 64 --seconds 10 --json\n\n\
                  Asks go to actors bench-0, bench-1, … of the kind and change their state. The first column of \n\
                  figures is asks a second; x disk is the same in units of 4 KiB appends with fdatasync, one by one."
)]
pub(in crate::cli) struct Bench {
    /// Callers that ask at once, each waiting for its answer: one run for each number
    #[arg(long, value_delimiter = ',', default_value = "1,64,1024", value_parser = clap::value_parser!(u16).range(1..=16_384))]
    callers: Vec<u16>,
    /// How long each run takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// The kind that is asked; it must be deployed
    #[arg(long, default_value = "counter", value_parser = input::parse_kind)]
    kind: Kind,
    /// What is asked
    #[arg(long, default_value = "add", value_parser = input::parse_subject)]
    subject: String,
    /// The body of every message
    #[arg(long, default_value = "1")]
    body: String,
    /// Actors that are asked
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    actors: u32,
    /// Asks a second of the run at a fixed rate; 0: no such run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    rate: u32,
    /// Measure the disk in this folder: where the host has its store
    #[arg(long, value_name = "DIR", default_value = ".")]
    disk: PathBuf,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Row {
    run: String,
    per_second: f64,
    /// In units of the disk's rate.
    per_disk: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    failed: u64,
}

impl Row {
    fn new(run: String, latencies: &Histogram<u64>, per_second: f64, disk: f64, failed: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "latencies stay far below 2^52 µs")]
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Self {
            run,
            per_second,
            per_disk: per_second / disk,
            p50_ms: ms(latencies.value_at_quantile(0.5)),
            p99_ms: ms(latencies.value_at_quantile(0.99)),
            max_ms: ms(latencies.max()),
            failed,
        }
    }

    fn of_load(run: String, measured: &Measured, disk: f64) -> Self {
        Self::new(run, &measured.latencies, measured.per_second, disk, measured.failed)
    }

    fn cells(&self) -> Vec<String> {
        let ms = |value: f64| format!("{value:.2}");
        vec![
            self.run.clone(),
            format!("{:.0}", self.per_second),
            format!("{:.2}", self.per_disk),
            ms(self.p50_ms),
            ms(self.p99_ms),
            ms(self.max_ms),
            self.failed.to_string(),
        ]
    }
}

impl Bench {
    /// Measures and prints the report.
    ///
    /// # Errors
    /// The host does not answer, or refuses the asks.
    pub(in crate::cli) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let load = Arc::new(self.load(api)?);
        self.try_one(api).await?;
        output::note("measuring the disk");
        let disk = disk::measure(&self.disk)?;
        let rate = disk.per_second;
        let mut rows = vec![Row::new("disk: 4 KiB + fdatasync".into(), &disk.latencies, rate, rate, 0)];
        let time = Duration::from_secs(self.seconds);
        for callers in &self.callers {
            output::note(&format!("{callers} callers, {} s", self.seconds));
            let measured = load::closed(&load, usize::from(*callers), time).await?;
            rows.push(Row::of_load(format!("{callers} callers"), &measured, rate));
        }
        if self.rate > 0 {
            output::note(&format!("{} asks a second, {} s", self.rate, self.seconds));
            let measured = load::open(&load, self.rate, time).await?;
            rows.push(Row::of_load(format!("fixed rate {}/s", self.rate), &measured, rate));
        }
        output.list(&rows, &["run", "per second", "x disk", "p50 ms", "p99 ms", "max ms", "failed"], Row::cells)
    }

    fn actor(&self, number: u32) -> String {
        format!("bench-{number}")
    }

    /// One ask over the ordinary client: whatever is wrong is told properly before the load begins.
    async fn try_one(&self, api: &Api) -> Result<()> {
        let path = ["v1", "actors", self.kind.as_str(), &self.actor(0), &self.subject];
        api.send(api.request(Method::POST, &path).body(self.body.clone())).await.map(drop)
    }

    fn load(&self, api: &Api) -> Result<Load> {
        let base = api.base();
        let (Some(host), Some(port)) = (base.host_str(), base.port_or_known_default()) else {
            bail!("{} has no host: write it like http://127.0.0.1:8420", api::shown(base));
        };
        if base.scheme() != "http" {
            bail!("the load is plain HTTP: give the host's own address as --url http://HOST:PORT");
        }
        let token = api.token().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = |number: u32| {
            let url = api.url(&["v1", "actors", self.kind.as_str(), &self.actor(number), &self.subject]);
            let (path, body) = (url.path(), &self.body);
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{token}Content-Length: {}\r\n\r\n", body.len());
            (head + body).into_bytes()
        };
        Ok(Load { address: format!("{host}:{port}"), requests: (0..self.actors).map(request).collect() })
    }
}
