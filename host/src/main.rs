//! The binary `hydra`: parse, telemetry, verb.
//! Everything that a verb does lives in `cli`, one file per verb; everything a host is lives in the library.
//! Never decides anything itself.

use std::process::ExitCode;

mod cli;

/// A fifth of the host's time under load went into the system's allocator; this one takes a third of that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::report(&error),
    }
}

fn run() -> anyhow::Result<()> {
    let cli = cli::Cli::read();
    let config = cli.config()?;
    hydra::telemetry::start(&config.telemetry, cli.colors_stderr())?;
    cli.run(config)
}
