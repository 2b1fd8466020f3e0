//! The real binary with real components, driven as users drive it: by command line, HTTP and signals.
//! One module for each thing that people come for. Never looks behind what a user sees.

mod building;
mod commands;
mod conformance;
mod dev;
mod hostile;
mod languages;
mod outside;
mod refusing;
mod samples;
mod scenarios;
mod store;
mod telemetry;
mod versions;
