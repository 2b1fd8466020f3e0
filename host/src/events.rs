//! What happens in a host, for whoever looks on: turns and the lines that guests log. Best effort, never stored.
//! Told by `activation` through the backend's log; followed by `hydra tail` and `hydra dev`.
//! Never carries a body or state.

use serde::{Deserialize, Serialize};

use crate::backend::{Error, Log, Notice};
use crate::clock::Time;
use crate::effects::Level;

/// First words of the channel that events are told on.
pub const CHANNEL: &str = "events";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A turn ended.
    Turn {
        /// When.
        time: Time,
        /// Whose turn, `KIND/ID`.
        actor: String,
        /// The message's subject.
        subject: String,
        /// The message's id.
        message: String,
        /// The message's body, in bytes.
        body_bytes: usize,
        /// `replied`, `done`, `later`, `refused`, `failed`, `retry`, `suspended`, …
        outcome: String,
        /// The problem's text, if there is one.
        problem: Option<String>,
        /// Which try this was.
        attempt: u32,
        /// Wall time of the turn, in microseconds.
        micros: u64,
        /// Messages sent.
        sends: usize,
    },
    /// A guest logged a line.
    Line {
        /// When.
        time: Time,
        /// Who, `KIND/ID`.
        actor: String,
        /// How bad.
        level: Level,
        /// The line.
        text: String,
    },
}

/// Tells an event to whoever follows; nothing is built when nobody does.
pub fn tell(log: &dyn Log, event: impl FnOnce() -> Event) {
    if log.is_followed(CHANNEL) {
        let body = serde_json::to_vec(&event()).unwrap_or_default().into();
        log.notify(Notice { channel: CHANNEL.into(), headers: crate::message::Headers::default(), body });
    }
}

/// Events from now on.
pub struct Events(crate::backend::Follow);

/// Follows all events of the system.
///
/// # Errors
/// The store's: try again.
pub async fn follow(log: &dyn Log) -> Result<Events, Error> {
    log.follow(CHANNEL).await.map(Events)
}

impl Events {
    /// The next event; none when the host ends. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let notice = self.0.recv().await?;
            if let Ok(event) = serde_json::from_slice(&notice.body) {
                return Some(event);
            }
        }
    }
}
