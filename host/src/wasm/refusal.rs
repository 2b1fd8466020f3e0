//! Why a component is not taken, in words that its author can act on.
//! Made by `admission`, `compile` and `component` while a component is deployed; shown to whoever deploys.
//! Never used for a turn: what goes wrong there is a fault.

use crate::wasm::fault::cut;

/// Longest reason, in bytes; compilers can be long-winded.
const REASON_BYTES_MAX: usize = 4 << 10;

/// A component that is not taken: a stable code for programs, a reason for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// One of the codes in [`code`].
    pub code: &'static str,
    /// What is wrong, and what is allowed instead.
    pub reason: String,
}

/// The codes of refusals. They never change their meaning.
pub mod code {
    /// The bytes are not WebAssembly.
    pub const NOT_WASM: &str = "not-wasm";
    /// WebAssembly, but a core module and not a component.
    pub const CORE_MODULE: &str = "core-module";
    /// Made for another version of `hydra:actor`.
    pub const WORLD_VERSION: &str = "world-version";
    /// Needs something that guests do not get.
    pub const UNKNOWN_IMPORT: &str = "unknown-import";
    /// Does not export the handler.
    pub const MISSING_EXPORT: &str = "missing-export";
    /// Imports or exports a function of ours with other types.
    pub const WRONG_TYPE: &str = "wrong-type";
    /// Longer than the host takes.
    pub const TOO_LARGE: &str = "too-large";
    /// Damaged, or uses features that are switched off.
    pub const COMPILE_FAILED: &str = "compile-failed";
    /// The compiler did not finish in time.
    pub const COMPILE_TIMEOUT: &str = "compile-timeout";
    /// It failed when it was started for a try.
    pub const PROBE_FAILED: &str = "probe-failed";
    /// Needs more memory, tables or instances than it may have; or its manifest is not valid.
    pub const LIMITS: &str = "limits";
}

impl Refusal {
    pub(super) fn new(code: &'static str, reason: impl AsRef<str>) -> Self {
        Self { code, reason: cut(reason.as_ref(), REASON_BYTES_MAX) }
    }

    /// With all that wasmtime has to say about it.
    pub(super) fn caused(code: &'static str, what: &str, error: &wasmtime::Error) -> Self {
        Self::new(code, format!("{what}: {error:#}"))
    }
}
