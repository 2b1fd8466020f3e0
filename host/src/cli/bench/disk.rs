//! The yardstick: how often this disk can make 4 KiB durable, one after the other.
//! Whoever promises that an answer survives power loss pays at least this, per answer or per group of them.
//! Leaves nothing behind.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// Bytes of one append.
const APPEND_BYTES: usize = 4 << 10;
/// How long is measured.
const TIME: Duration = Duration::from_secs(1);
/// Longest append that is told apart, in microseconds.
const LATENCY_MICROS_MAX: u64 = 60_000_000;

/// What this disk does.
pub(super) struct Disk {
    /// Appends of 4 KiB with `fdatasync`, a second.
    pub(super) per_second: f64,
    /// In microseconds.
    pub(super) latencies: Histogram<u64>,
}

/// Measures for a second, in a file of its own in this folder.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn measure(folder: &Path) -> Result<Disk> {
    let path = folder.join(format!(".hydra-bench-{}", std::process::id()));
    let measured = append(&path).with_context(|| format!("measure the disk with {}", path.display()));
    // It may not have been made at all, and that is told already.
    let _ = fs::remove_file(&path);
    measured
}

fn append(path: &Path) -> Result<Disk> {
    let mut file = File::create_new(path)?;
    let block = [0x5a; APPEND_BYTES];
    let mut latencies = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3)?;
    let begin = Instant::now();
    while begin.elapsed() < TIME {
        let one = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        latencies.saturating_record(u64::try_from(one.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let per_second = latencies.len() as f64 / begin.elapsed().as_secs_f64();
    Ok(Disk { per_second, latencies })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_measured_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let disk = measure(folder.path()).unwrap();
        assert!(disk.per_second > 0.0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(measure(&folder.path().join("none")).is_err());
    }
}
