//! The HTTP API from outside, served on a node with scripted handlers and a store in memory.

mod actors;
mod edges;
mod metrics;
mod operating;
mod watching;
