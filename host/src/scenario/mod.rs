//! Scenario files: conversations with actors, run on the compiled component in a host of their own. What `hydra test` does.
//!
//! A scenario (`script`) is read by `format` (with `fields`). On a `stage`, where its components are loaded, `suite` runs it
//! several times: once plainly, then once for each `variant`: a crash around every commit, a restart after every step,
//! duplicates, delays. One run (`run`) has a store in memory, virtual time and a host (`host`) that is the one of production;
//! between them stands `link`, which sees every message and record and brings the crash; between host and guest stands
//! `watched`. What they see is kept in `watch`. Who takes no part, and the outside, is played by a `stand_in`.
//! `expect` compares with what the author expects, `observed` one run with another; both tell `difference`s.
//! `recording` keeps one turn to run it alone.
//!
//! Everything is a function of scenario, component and seed. Never touches a disk, a network or the machine's clock.

mod content;
mod difference;
mod expect;
mod fields;
mod format;
mod host;
mod link;
mod observed;
mod recording;
mod report;
mod run;
mod script;
mod stage;
mod stand_in;
mod suite;
mod variant;
mod watch;
mod watched;

pub use content::Content;
pub use difference::Difference;
pub use expect::{AnswerExpected, BodyExpected, LettersExpected, MessageExpected, StateExpected};
pub use fields::{Error as FormatError, Place};
pub use format::parse;
pub use recording::{Recording, Replayed, TurnEnd};
pub use report::{Failure, Report};
pub use script::{Action, Extra, Scenario, Step};
pub use stage::{Component, Error, Options, Stage};
pub use stand_in::{Says, StandIn};
pub use variant::Variant;
