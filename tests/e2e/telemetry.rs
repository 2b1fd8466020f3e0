//! What the binary sends to an OTLP collector, and that nobody waits for one that takes nothing.
//! The way of a trace from actor to actor is in `telemetry`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hydra_tests::collector::{Collector, Mood, span};
use hydra_tests::host::Host;
use hydra_tests::metrics::Samples;

/// Far above what an ask takes, far below what a collector that hangs would take.
const SOON: Duration = Duration::from_secs(8);

fn host(collector: &Collector, folder: &tempfile::TempDir) -> Result<Host> {
    let settings = [("HYDRA_TELEMETRY_OTLP", collector.url.as_str())];
    let host = Host::start_set(&settings, &folder.path().join("store"), &["--durability", "os"])?;
    host.deploy("counter", "counter", None)?;
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_has_told_everything() -> Result<()> {
    let (collector, folder) = (Collector::start(Mood::Takes)?, tempfile::tempdir()?);
    let host = host(&collector, &folder)?;
    for _ in 0..3 {
        host.reply("counter/secret-id/add", "47114711").await?;
    }
    assert!(host.terminate()?.success());
    let turns = collector.count("hydra_turns_total", &[("kind", "counter"), ("outcome", "replied")]);
    assert_eq!(turns, Some(3));
    assert!(collector.lines().iter().any(|line| line == "the host has ended"), "{:?}", collector.lines());
    let spans = collector.spans();
    let (call, turn) = (span(&spans, "call", "counter")?, span(&spans, "turn", "counter")?);
    assert_eq!(call.trace_id, turn.trace_id);
    assert!(!collector.has_bytes(b"47114711"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_nothing_slows_nothing() -> Result<()> {
    for mood in [Mood::Refuses, Mood::Hangs] {
        let (collector, folder) = (Collector::start(mood)?, tempfile::tempdir()?);
        let host = host(&collector, &folder)?;
        let begin = Instant::now();
        let mut asked = 0;
        while collector.requests() == 0 || asked < 20 {
            host.reply("counter/a/add", "1").await?;
            asked += 1;
        }
        assert!(begin.elapsed() < SOON * 5, "{asked} asks took {:?} with a collector that {mood:?}", begin.elapsed());
        if mood == Mood::Refuses {
            let lost = || async {
                let text = host.request(reqwest::Method::GET, "/metrics").send().await?.text().await?;
                let traces = [("signal", "traces")];
                Samples::read(&text)?.value("hydra_telemetry_dropped_total", &traces).context("a count")
            };
            while lost().await? == 0.0 {
                host.reply("counter/a/add", "1").await?;
            }
        }
        let begin = Instant::now();
        assert!(host.terminate()?.success());
        assert!(begin.elapsed() < SOON, "the end took {:?} with a collector that {mood:?}", begin.elapsed());
    }
    Ok(())
}
