//! What an actor waits for: its timers and the requests it made, as they stand in its record.
//! `schedule` knows when a timer is due, `waits` holds an actor's timers and requests, `due` is the message that says that
//! something is due and what the record makes of it. All of it pure: who wakes whom is `alarms` and `wake`.

mod due;
mod schedule;
mod waits;

pub use due::{Due, Heard, Tick, brought};
pub use schedule::{CRON_BYTES_MAX, EVERY_MIN, Error as ScheduleError, MISSED_COUNTED_MAX, Schedule, When, zone_data};
pub use waits::{BYTES_MAX, COUNT_MAX, Error, Missed, Pending, REQUEST_MAX, Timer, Waits};
