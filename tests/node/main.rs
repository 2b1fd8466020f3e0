//! What a host promises on one store, whatever its guests do. On tokio's paused clock, where waiting costs nothing; only calls to
//! the outside (`calling`) take real time.

mod calling;
mod failing;
mod handling;
mod operating;
mod parking;
mod requests;
mod sharing;
mod surviving;
mod timers;
