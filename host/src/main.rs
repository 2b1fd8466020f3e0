//! The binary `hydra`: parse, telemetry, verb.
//! Everything that a verb does lives in `cli`, one file per verb; everything a host is lives in the library.
//! Never decides anything itself.

use std::process::ExitCode;
use std::time::Duration;

mod cli;

/// A fifth of the host's time under load went into the system's allocator; this one takes a third of that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the last spans, metrics and log lines may take to a collector, once everything else has ended.
const EXPORT_END_LIMIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::report(&error),
    }
}

fn run() -> anyhow::Result<()> {
    let cli = cli::Cli::read();
    let config = cli.config()?;
    let exports = hydra::telemetry::start(&config.telemetry, &config.node.name, cli.colors_stderr())?;
    let ended = cli.run(config, exports.metrics());
    exports.end(EXPORT_END_LIMIT);
    ended
}
