//! The signals that end a host: Ctrl-C and SIGTERM.
//! The first one asks for a drain, the second one ends the process at once. Never ends anything by itself.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask the process to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals are ours.
    ///
    /// # Errors
    /// The system does not let us: the host cannot be ended properly, so it must not start.
    pub(super) fn listen() -> Result<Self> {
        let open = |kind| signal(kind).context("listen for signals");
        Ok(Self { interrupt: open(SignalKind::interrupt())?, terminate: open(SignalKind::terminate())? })
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) {
        // A dropped branch loses no signal: it is kept for the next call.
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
