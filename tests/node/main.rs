//! What a host promises on one store, whatever its guests do. On tokio's paused clock: waiting costs nothing.

mod failing;
mod handling;
mod operating;
mod parking;
mod requests;
mod sharing;
mod surviving;
mod timers;
