//! When which actor of a bucket is to be woken, because something is due that it waits for: bookkeeping in memory.
//! Kept by `commit` and `wake`, asked by `inbox`. No I/O, no waiting, and never the truth: that is the record. To wake an
//! actor in vain does no harm, and what is forgotten here is found again after the next claim.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Time;
use crate::id::{ActorId, Revision};
use crate::record::{Record, Status};
use crate::timer::{Due, Waits};

/// Actors of a bucket that are awake to be told, at once. If more are due they wait, and pressure never reaches memory.
pub(crate) const WOKEN_MAX: usize = 1_000;
/// A marker whose actor has waited for nothing for so long is removed.
const MARK_KEPT: Duration = Duration::from_secs(60);

/// The alarms of one bucket under one claim.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    first: BTreeSet<(Time, ActorId)>,
    actors: BTreeMap<ActorId, Alarm>,
    /// Those that were woken and are not told yet.
    woken: BTreeSet<ActorId>,
    /// Marked actors that wait for nothing, and since when.
    idle: BTreeMap<ActorId, Instant>,
}

#[derive(Debug, Default)]
struct Alarm {
    /// When it is to be woken.
    at: Option<Time>,
    /// What it was told of under this claim, and has not handled.
    told: BTreeSet<Due>,
    mark: Option<Mark>,
}

/// The row that says that an actor's record is to be read after a claim.
#[derive(Debug, Clone, Copy)]
struct Mark {
    revision: Revision,
    /// Written under this claim: no earlier owner can remove it. Only then a record may rely on it.
    is_own: bool,
}

impl Alarms {
    /// Takes down what an actor waits for, as its record says now. True: there is to be looked anew who is next.
    pub(crate) fn note(&mut self, actor: &ActorId, record: &Record, now: Instant) -> bool {
        let first = self.next();
        self.woken.remove(actor);
        let waits = &record.waits;
        if waits.is_empty() && !self.actors.contains_key(actor) {
            return false;
        }
        let alarm = self.actors.entry(actor.clone()).or_default();
        if let Some(at) = alarm.at.take() {
            self.first.remove(&(at, actor.clone()));
        }
        if !alarm.told.is_empty() {
            let dues: BTreeSet<Due> = waits.dues().map(|(_, due)| due).collect();
            alarm.told.retain(|due| dues.contains(due));
        }
        // A suspended actor's alarms wait with it: they are set when it is resumed.
        if !matches!(record.status, Status::Suspended(_)) {
            alarm.at = waits.dues().filter(|(_, due)| !alarm.told.contains(due)).map(|(at, _)| at).min();
        }
        self.first.extend(alarm.at.map(|at| (at, actor.clone())));
        match (alarm.mark, waits.is_empty()) {
            (Some(_), true) => drop(self.idle.entry(actor.clone()).or_insert(now)),
            (Some(_), false) => drop(self.idle.remove(actor)),
            (None, true) => drop(self.actors.remove(actor)),
            (None, false) => {}
        }
        self.next() != first
    }

    /// Takes down what was read of an actor after a claim, unless more is known of it by now. True: as for
    /// [`Alarms::note`].
    pub(crate) fn found(&mut self, actor: &ActorId, record: &Record, now: Instant) -> bool {
        !self.actors.contains_key(actor) && self.note(actor, record, now)
    }

    /// When the next alarm goes off; none also while as many are awake as may be: whoever is told makes room.
    pub(crate) fn next(&self) -> Option<Time> {
        let has_room = self.woken.len() < WOKEN_MAX;
        self.first.first().filter(|_| has_room).map(|(at, _)| *at)
    }

    /// An actor that was woken cannot be told: its record cannot be read.
    pub(crate) fn give_up(&mut self, actor: &ActorId) {
        self.woken.remove(actor);
    }

    /// The actors that are to be woken by now, as many as may be, those first that have waited longest.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<ActorId> {
        let mut due = Vec::new();
        while self.woken.len() < WOKEN_MAX
            && let Some((at, actor)) = self.first.pop_first()
        {
            if at > now {
                self.first.insert((at, actor));
                break;
            }
            if let Some(alarm) = self.actors.get_mut(&actor) {
                alarm.at = None;
            }
            self.woken.insert(actor.clone());
            due.push(actor);
        }
        due
    }

    /// What an actor is to be told of by now.
    pub(crate) fn untold(&self, actor: &ActorId, waits: &Waits, now: Time) -> Vec<Due> {
        let told = self.actors.get(actor).map(|alarm| &alarm.told);
        let is_new = |due: &Due| told.is_none_or(|told| !told.contains(due));
        waits.dues().filter(|(at, due)| *at <= now && is_new(due)).map(|(_, due)| due).collect()
    }

    /// It was told: the messages are in its mailbox.
    pub(crate) fn set_told(&mut self, actor: &ActorId, dues: Vec<Due>) {
        self.actors.entry(actor.clone()).or_default().told.extend(dues);
    }

    /// Whether a marker of this claim stands for an actor; then it is kept until its record is noted again.
    pub(crate) fn rely_on_mark(&mut self, actor: &ActorId) -> bool {
        let is_own = self.actors.get(actor).and_then(|alarm| alarm.mark).is_some_and(|mark| mark.is_own);
        if is_own {
            self.idle.remove(actor);
        }
        is_own
    }

    /// A marker was written under this claim.
    pub(crate) fn set_mark(&mut self, actor: &ActorId, revision: Revision) {
        self.idle.remove(actor);
        self.actors.entry(actor.clone()).or_default().mark = Some(Mark { revision, is_own: true });
    }

    /// A marker was found whose actor waits for nothing.
    pub(crate) fn found_idle_mark(&mut self, actor: &ActorId, revision: Revision, now: Instant) {
        if !self.actors.contains_key(actor) {
            self.actors.entry(actor.clone()).or_default().mark = Some(Mark { revision, is_own: false });
            self.idle.insert(actor.clone(), now);
        }
    }

    /// Markers that nobody needs any more, at most `limit`: from now on nothing relies on them.
    pub(crate) fn take_idle_marks(&mut self, now: Instant, limit: usize) -> Vec<(ActorId, Revision)> {
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= MARK_KEPT;
        let over = self.idle.iter().filter(|(_, since)| is_over(since)).map(|(of, _)| of.clone());
        let over: Vec<ActorId> = over.take(limit).collect();
        over.into_iter().filter_map(|actor| self.unmark(actor)).collect()
    }

    fn unmark(&mut self, actor: ActorId) -> Option<(ActorId, Revision)> {
        self.idle.remove(&actor);
        let alarm = self.actors.get_mut(&actor)?;
        let mark = alarm.mark.take()?;
        if alarm.at.is_none() && alarm.told.is_empty() {
            self.actors.remove(&actor);
        }
        Some((actor, mark.revision))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::{BucketId, Cursor, Seq};
    use crate::message::Problem;
    use crate::timer::{Missed, When};

    fn actor() -> ActorId {
        ActorId::parse("counter/a").unwrap()
    }

    fn record(dues: &[u64]) -> Record {
        let generation = Cursor { bucket: BucketId { number: 1, incarnation: 1 }, seq: Seq(1) };
        let mut record = Record::default();
        for due in dues {
            let when = When::At(Time(*due));
            record.waits.set(&format!("t{due}"), when, Missed::FireOnce, Bytes::new(), generation, Time(0)).unwrap();
        }
        record
    }

    #[test]
    fn what_was_told_is_not_told_again_until_it_is_handled() {
        let (mut alarms, now, waiting) = (Alarms::default(), Instant::now(), record(&[5, 9]));
        assert!(alarms.note(&actor(), &waiting, now));
        assert_eq!((alarms.next(), alarms.take_due(Time(4))), (Some(Time(5)), vec![]));
        assert_eq!(alarms.take_due(Time(6)), [actor()]);
        let due = alarms.untold(&actor(), &waiting.waits, Time(6));
        assert_eq!(due.len(), 1);
        alarms.set_told(&actor(), due);
        alarms.note(&actor(), &waiting, now);
        assert_eq!((alarms.next(), alarms.untold(&actor(), &waiting.waits, Time(6))), (Some(Time(9)), vec![]));
        alarms.note(&actor(), &record(&[9]), now);
        assert!(alarms.note(&actor(), &record(&[]), now) && alarms.next().is_none() && alarms.actors.is_empty());
    }

    #[test]
    fn no_more_are_woken_at_once_than_may_be() {
        let (mut alarms, now, waiting) = (Alarms::default(), Instant::now(), record(&[5]));
        let other = |id: usize| ActorId::parse(&format!("counter/{id}")).unwrap();
        for id in 0..=WOKEN_MAX {
            alarms.note(&other(id), &waiting, now);
        }
        let woken = alarms.take_due(Time(6));
        assert_eq!((woken.len(), alarms.next(), alarms.take_due(Time(6))), (WOKEN_MAX, None, vec![]));
        alarms.set_told(&woken[0], alarms.untold(&woken[0], &waiting.waits, Time(6)));
        assert!(alarms.note(&woken[0], &waiting, now) && alarms.next() == Some(Time(5)));
        assert_eq!(alarms.take_due(Time(6)).len(), 1);
    }

    #[test]
    fn a_suspended_actor_is_not_woken() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let suspended = Record { status: Status::Suspended(Problem::new("x", "y")), ..record(&[5]) };
        assert!(!alarms.note(&actor(), &suspended, now) && alarms.next().is_none());
        assert!(alarms.note(&actor(), &record(&[5]), now) && alarms.next() == Some(Time(5)));
    }

    #[test]
    fn a_marker_goes_when_nobody_has_relied_on_it_for_a_while() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        assert!(!alarms.rely_on_mark(&actor()));
        alarms.set_mark(&actor(), Revision(7));
        alarms.note(&actor(), &record(&[5]), now);
        assert!(alarms.rely_on_mark(&actor()));
        alarms.note(&actor(), &record(&[]), now);
        let later = now + MARK_KEPT;
        // A commit is under way that will need it.
        assert!(alarms.rely_on_mark(&actor()) && alarms.take_idle_marks(later, 9).is_empty());
        alarms.note(&actor(), &record(&[]), now);
        assert_eq!(alarms.take_idle_marks(later, 9), [(actor(), Revision(7))]);
        assert!(!alarms.rely_on_mark(&actor()) && alarms.actors.is_empty());
    }

    #[test]
    fn a_marker_of_an_earlier_claim_is_nothing_to_rely_on() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        alarms.found_idle_mark(&actor(), Revision(3), now);
        assert!(!alarms.rely_on_mark(&actor()));
        assert_eq!(alarms.take_idle_marks(now + MARK_KEPT, 9), [(actor(), Revision(3))]);
    }
}
