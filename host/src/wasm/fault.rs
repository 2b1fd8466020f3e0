//! Turns whatever ends a guest's call into a fault: traps, limits, denied calls, lies about lengths.
//! Called by `instance` after every call that wasmtime reports as failed.
//! Never trusts the guest's names: text from it is cut and its control characters are escaped.

use std::fmt::Write as _;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use crate::effects::Fault;
use crate::message::Problem;
use crate::wasm::guest::Guest;

/// Longest backtrace of a fault, in bytes.
const BACKTRACE_BYTES_MAX: usize = 4 << 10;
/// Longest name of a function in a backtrace, in bytes.
const FUNCTION_BYTES_MAX: usize = 200;
/// Longest text of a problem, in bytes, whether the guest's or ours.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 10;
/// Longest code of a guest's problem, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// Why the host ended a guest's call. Travels through wasmtime as an error and comes out of it again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The guest asked for what it may not have.
    #[error("{}", .0.text)]
    Denied(Problem),
    /// It ran for too long.
    #[error("ran for more than {} ms of its own time (limits.cpu_ms_max in actor.toml)", .0.as_millis())]
    Cpu(Duration),
    /// It took too long.
    #[error("took more than {} ms (limits.wall_ms_max in actor.toml)", .0.as_millis())]
    Wall(Duration),
}

impl Stop {
    /// A call that is denied.
    pub(super) fn denied(code: &str, text: impl Into<String>) -> Self {
        Self::Denied(Problem::new(code, text))
    }

    /// The fault that this is by itself, without a backtrace.
    pub(super) fn into_fault(self) -> Fault {
        let text = self.to_string();
        match self {
            Self::Denied(problem) => Fault::Denied(problem),
            Self::Cpu(_) => broken("cpu-limit", text, String::new()),
            Self::Wall(_) => broken("wall-limit", text, String::new()),
        }
    }
}

/// What a failed call means. `guest` is the store's data after the call.
pub(super) fn of(error: wasmtime::Error, guest: &Guest) -> Fault {
    let fault = of_call(error, guest);
    match (guest.turn.migrating, &fault) {
        (Some(from), Fault::Broken { problem, backtrace }) => {
            not_migrated(from, &format!("{}: {}\n{backtrace}", problem.code, problem.text))
        }
        (Some(from), Fault::Denied(problem)) => not_migrated(from, &format!("{}: {}", problem.code, problem.text)),
        _ => fault,
    }
}

/// State that could not be brought to this version: no message is to blame, so the actor waits for a human.
pub(super) fn not_migrated(from: u32, why: &str) -> Fault {
    let text = format!("state of version {from} was not migrated: {why}");
    Fault::Suspend(Problem::new("migrate-failed", cut(text.trim_end(), TEXT_BYTES_MAX)))
}

fn of_call(error: wasmtime::Error, guest: &Guest) -> Fault {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
    let error = match error.downcast::<Stop>() {
        Ok(stop) => return with_backtrace(stop.into_fault(), backtrace),
        Err(error) => error,
    };
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Fault::Host(Problem::new("pool-exhausted", sentence(&error)));
    }
    if let Some(wanted) = guest.space.refused {
        let limit = guest.space.memory_bytes_max();
        let text = format!(
            "asked for {wanted} bytes of memory in all, limit {limit} (limits.memory_bytes_max in actor.toml), then: {}",
            sentence(&error)
        );
        return broken("out-of-memory", cut(&text, TEXT_BYTES_MAX), backtrace);
    }
    // A panic is told on standard error before it traps, and says more than the trap.
    let text = guest.panic_message().unwrap_or_else(|| sentence(&error));
    broken("trap", cut(&text, TEXT_BYTES_MAX), backtrace)
}

/// What happened, in one line.
pub(super) fn sentence(error: &wasmtime::Error) -> String {
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return format!("the guest ended itself with exit code {}", exit.0);
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => cut(&error.root_cause().to_string(), TEXT_BYTES_MAX),
    }
}

/// A problem that a guest reports, within bounds.
pub(super) fn guests(code: &str, text: &str) -> Problem {
    Problem::new(cut(code, CODE_BYTES_MAX), cut(text, TEXT_BYTES_MAX))
}

/// The beginning of a text, at most this many bytes of it.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().into()
}

fn broken(code: &str, text: String, backtrace: String) -> Fault {
    Fault::Broken { problem: Problem::new(code, text), backtrace }
}

fn with_backtrace(fault: Fault, backtrace: String) -> Fault {
    match fault {
        Fault::Broken { problem, .. } => Fault::Broken { problem, backtrace },
        other => other,
    }
}

/// One line per frame, innermost first: `0: function @0x3a`. The environment has no say in it.
fn backtrace(trace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for (index, frame) in trace.frames().iter().enumerate() {
        let name = match frame.func_name() {
            Some(name) => {
                cut(&format!("{:#}", rustc_demangle::demangle(name)), FUNCTION_BYTES_MAX).escape_default().to_string()
            }
            None => format!("function {}", frame.func_index()),
        };
        let offset = frame.module_offset().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{index}: {name} @{offset:#x}");
    }
    cut(&text, BACKTRACE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aäb", 2), "a");
        assert_eq!(cut("aäb", 3), "aä");
        assert_eq!(cut("", 3), "");
    }

    #[test]
    fn limits_name_their_setting() {
        let Fault::Broken { problem, .. } = Stop::Cpu(Duration::from_millis(7)).into_fault() else { panic!() };
        assert_eq!(problem.code, "cpu-limit");
        assert!(problem.text.contains("7 ms") && problem.text.contains("limits.cpu_ms_max"));
    }
}
