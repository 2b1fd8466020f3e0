//! Where a host can be made to end as `kill -9` ends it: at a named step, when it comes there for the N-th time.
//! The chaos tests ask for it with `HYDRA_CRASH_AT=STEP:N`; the steps stand where the order of two effects matters.
//! Works with debug assertions only: in a release build `at` is nothing, and the variable is an unknown setting.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names step and occurrence.
#[cfg(debug_assertions)]
pub const VARIABLE: &str = "HYDRA_CRASH_AT";

/// What the host was asked to do; nothing in an ordinary one.
#[cfg(debug_assertions)]
static ARMED: OnceLock<Armed> = OnceLock::new();

/// One table: the step, its name outside, and what has happened by then and what has not.
macro_rules! steps {
    ($($step:ident $name:literal $meaning:literal)*) => {
        /// A place where a host may end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = $meaning] $step,)*
        }

        impl Step {
            /// All of them, in the order of a message's way.
            pub const ALL: &[Self] = &[$(Self::$step),*];

            /// What it is called in `HYDRA_CRASH_AT`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$step => $name,)* }
            }

            /// What has happened by then, for people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$step => $meaning,)* }
            }
        }
    };
}

steps! {
    ClaimWritten "claim-written" "The ownership row names this host; the bucket is not open yet."
    InboxOpened "inbox-opened" "The bucket is open at its floor; whether it is still owned is not looked at again."
    ClaimReadAgain "claim-read-again" "The ownership row still names this host; earlier owners are not turned out yet."
    InboxSettled "inbox-settled" "Earlier owners are turned out; nothing was pulled."
    BeforeAccept "before-accept" "A message from outside is checked; the log does not have it."
    Accepted "accepted" "The log has a message from outside; its sender does not know."
    MessagePulled "message-pulled" "A message was pulled from its bucket; its actor does not know."
    HandedOverAgain "handed-over-again" "A record was read, and the outbox that it still had was handed over."
    BeforeRecord "before-record" "Turns have ended; nothing of them is stored."
    TimerMarked "timer-marked" "The row that leads a new owner to an actor's timers is written; the record is not."
    RecordWritten "record-written" "The record is stored; nothing of its outbox is handed over."
    OutboxEntry "outbox-entry" "The next entry of an outbox is about to be handed over."
    Answered "answered" "A caller was told the outcome; the messages of the outbox are not stored."
    BeforeOutbox "before-outbox" "Answers are out; the messages of the outbox are about to be stored."
    OutboxStored "outbox-stored" "The messages of an outbox are stored; their turns are not marked as done."
    DeadLetterMoved "dead-letter-moved" "A message is among the dead letters; its turn is not marked as done."
    BeforeTick "before-tick" "A timer is due; its message is not in the mailbox."
    TickStored "tick-stored" "A timer's message is in the mailbox; the host has not taken note of it."
    BeforePark "before-park" "A message is about to be copied to the parked queue; the record says that it is parked."
    Parked "parked" "A message was copied to the parked queue; those behind it were not."
    OutboxCleared "outbox-cleared" "An outbox was handed over, and the record says so."
    BeforeParkedTrim "before-parked-trim" "Turns from the parked queue are committed; their messages are still in it."
    BeforeUnpark "before-unpark" "The parked queue is empty; the record still says that the actor works from it."
    TurnsDone "turns-done" "Turns are committed and handed over; the floor is below them."
    BeforeAck "before-ack" "The floor is about to move up."
    Acknowledged "acknowledged" "The floor has moved up."
    BeforeTrim "before-trim" "History is about to be trimmed."
    Trimmed "trimmed" "History was trimmed."
    DrainBegun "drain-begun" "The host was asked to end and takes nothing new; turns are in work."
    Drained "drained" "Turns in work have ended; the floor may be below them."
}

#[cfg(debug_assertions)]
struct Armed {
    step: Step,
    /// Occurrences until the end.
    left: AtomicU64,
}

/// Why the host does not know where to end.
#[cfg(debug_assertions)]
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} is {text:?}: write STEP:N, with N from 1 and one of these steps:\n{}", list())]
pub struct Error {
    text: String,
}

/// Makes this process end the N-th time that it comes to a step. Called once, before anything is started.
///
/// # Errors
/// The text is not `STEP:N`, or there is no such step: do not start.
#[cfg(debug_assertions)]
pub fn arm(text: &str) -> Result<(), Error> {
    let armed = read(text).ok_or_else(|| Error { text: text.into() })?;
    ARMED.get_or_init(|| armed);
    Ok(())
}

/// The host comes to a step.
#[cfg(debug_assertions)]
pub(crate) fn at(step: Step) {
    let armed = ARMED.get().filter(|armed| armed.step == step);
    if armed.is_some_and(|armed| armed.left.fetch_sub(1, Ordering::Relaxed) == 1) {
        end();
    }
}

/// The host comes to a step.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn at(_: Step) {}

/// Nothing is unwound, flushed or closed; no other thread gets a word in.
#[cfg(debug_assertions)]
fn end() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}

#[cfg(debug_assertions)]
fn read(text: &str) -> Option<Armed> {
    let (name, count) = text.split_once(':')?;
    let step = *Step::ALL.iter().find(|step| step.name() == name)?;
    let count = count.parse().ok().filter(|count| *count > 0)?;
    Some(Armed { step, left: AtomicU64::new(count) })
}

#[cfg(debug_assertions)]
fn list() -> String {
    Step::ALL.iter().map(|step| format!("  {:18} {}", step.name(), step.meaning())).collect::<Vec<_>>().join("\n")
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_a_known_step_and_a_count() {
        let armed = read("record-written:3").unwrap();
        assert_eq!((armed.step, armed.left.into_inner()), (Step::RecordWritten, 3));
        for wrong in ["", "record-written", "record-written:", "record-written:0", "record-written:x", "no-step:1"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn who_asks_for_no_step_is_told_them_all() {
        let told = arm("?").unwrap_err().to_string();
        assert!(Step::ALL.iter().all(|step| told.contains(step.name()) && told.contains(step.meaning())), "{told}");
    }
}
