//! Support.
pub mod http;
