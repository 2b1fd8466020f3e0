//! The host as a turn sees it: in the sandbox the component's imports, natively a simulation that tests look into.
//! The only switch between the two; both have the same methods.

#[cfg(not(target_family = "wasm"))]
mod simulated;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use simulated::{Change, Host, Settings};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::Host;
