//! `hydra top`: what a host does now, second by second, in the terminal or once as JSON.
//!
//! `verb` looks at the host again and again; `metrics` reads what `/metrics` says, `picture` makes of two looks what is shown,
//! `draw` lays it out. All but `verb` are pure. Never changes anything on the host.

mod draw;
mod metrics;
mod picture;
mod verb;

pub(super) use verb::Top;
