//! One node's way to the store, and all that can happen to it: calls fail before or after their effect, hang, arrive late;
//! the node stands still, is cut off, dies at its next call. `faults` chooses; `faulty` and `tables` ask through here.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hydra::backend::{Backend, Entry, Error};
use hydra::id::Revision;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::faults::{Fate, Faults, pass};
use crate::faulty::Faulty;
use crate::tables::{Actors, Liveness};

/// After so long without an answer a call fails.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// For so long a node that is cut off from the server can still tell its time.
const TIME_KNOWN_FOR: Duration = Duration::from_secs(10);

/// What a call wants to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Log and records.
    Store,
    /// The table of living nodes.
    Liveness,
}

/// One node's way to the store.
pub struct Link {
    /// The node's name in what the witness tells.
    pub name: u32,
    pub(crate) faults: Arc<Faults>,
    /// What it adds to the log's time when it estimates it, in milliseconds.
    pub(crate) offset_ms: i64,
    /// It is gone: whatever it would still ask for never happens.
    dead: CancellationToken,
    /// It dies at so many calls from now; 0: it does not.
    dies_in: AtomicU32,
    troubles: Mutex<Troubles>,
    /// Its own latest write of each row: it never reads an older one.
    pub(crate) written: Mutex<BTreeMap<String, Entry>>,
}

/// Until when what is wrong with a node, and since when it is cut off.
#[derive(Debug, Clone, Copy)]
struct Troubles {
    paused_until: Instant,
    cut_since: Instant,
    cut_until: Instant,
    liveness_cut_until: Instant,
    blind_until: Instant,
}

impl Link {
    /// A node that estimates the log's time wrong by `offset_ms`.
    pub fn new(faults: &Arc<Faults>, name: u32, offset_ms: i64) -> Arc<Self> {
        let now = Instant::now();
        let troubles =
            Troubles { paused_until: now, cut_since: now, cut_until: now, liveness_cut_until: now, blind_until: now };
        Arc::new(Self {
            name,
            faults: faults.clone(),
            offset_ms,
            dead: CancellationToken::new(),
            dies_in: AtomicU32::new(0),
            troubles: Mutex::new(troubles),
            written: Mutex::default(),
        })
    }

    /// The store as this node sees it.
    pub fn backend(self: &Arc<Self>) -> Backend {
        let (log, actors) = (Arc::new(Faulty(self.clone())), Arc::new(Actors(self.clone())));
        let liveness = Arc::new(Liveness(self.clone()));
        Backend { log, actors, liveness, exclusive: false, ..self.faults.store.clone() }
    }

    /// The node stands still for this long: what it asks for waits until then.
    pub fn pause(&self, span: Duration) {
        self.trouble().paused_until = Instant::now() + span;
    }

    /// The node reaches nothing for this long.
    pub fn cut_off(&self, span: Duration) {
        let mut troubles = self.trouble();
        if troubles.cut_until <= Instant::now() {
            troubles.cut_since = Instant::now();
        }
        troubles.cut_until = Instant::now() + span;
    }

    /// For this long the node can neither say that it lives nor see who does, while the rest goes on.
    pub fn cut_off_from_liveness(&self, span: Duration) {
        self.trouble().liveness_cut_until = Instant::now() + span;
    }

    /// For this long the node sees nobody alive but itself.
    pub fn see_nobody(&self, span: Duration) {
        self.trouble().blind_until = Instant::now() + span;
    }

    /// The node is gone: whatever it would still ask for never happens.
    pub fn die(&self) {
        self.dead.cancel();
    }

    /// The node dies at one of its next calls.
    pub fn die_in(&self, calls: u32) {
        self.dies_in.store(calls, Ordering::Relaxed);
    }

    /// Waits until the node is gone.
    pub async fn death(&self) {
        self.dead.cancelled().await;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    pub(crate) fn is_blind(&self) -> bool {
        self.trouble().blind_until > Instant::now()
    }

    /// Whether the server's time is known: a node that has not heard of it for long cannot tell.
    pub(crate) fn knows_time(&self) -> bool {
        let troubles = *self.trouble();
        troubles.cut_until <= Instant::now() || troubles.cut_since.elapsed() <= TIME_KNOWN_FOR
    }

    /// How long this node cannot reach something; none: it can.
    pub(crate) fn cut(&self, way: Way) -> Option<Duration> {
        let troubles = *self.trouble();
        let until = match way {
            Way::Store => troubles.cut_until,
            Way::Liveness => troubles.cut_until.max(troubles.liveness_cut_until),
        };
        Some(until.saturating_duration_since(Instant::now())).filter(|span| !span.is_zero())
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Troubles> {
        self.troubles.lock().expect("troubles")
    }

    /// Notes what happens to the node.
    pub fn note(&self, what: &str) {
        self.faults.note(&format!("node {}: {what}", self.name));
    }

    /// Waits while the node stands still, and for ever once it is dead.
    pub(crate) async fn awake(&self) {
        if self.dies_in.load(Ordering::Relaxed) > 0 && self.dies_in.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.note("dies here");
            self.die();
        }
        loop {
            let until = self.trouble().paused_until;
            if self.is_dead() {
                return pending().await;
            }
            if until <= Instant::now() {
                return;
            }
            pass(until - Instant::now()).await;
        }
    }

    /// Waits as a caller does that gets no answer.
    async fn no_answer(&self) {
        pass(self.faults.up_to(CALL_LIMIT)).await;
        self.awake().await;
    }

    /// Asks the store for what changes nothing.
    pub(crate) async fn ask<T>(
        &self,
        way: Way,
        what: &str,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.awake().await;
        let fate = self.faults.fate();
        let (Fate::Done { before, after }, None) = (fate, self.cut(way)) else {
            self.note(&format!("cannot {what}"));
            if self.cut(way).is_some() {
                self.no_answer().await;
            }
            return Err(unavailable());
        };
        pass(before).await;
        let answer = asked.await;
        pass(after).await;
        self.awake().await;
        answer
    }

    /// Has the store change something: what is on its way arrives, even when the node is gone.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        way: Way,
        what: &str,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.awake().await;
        let fate = self.faults.fate_of_change(self.cut(way));
        let (before, after) = match fate {
            Fate::Unavailable => {
                self.note(&format!("{what}: refused"));
                if self.cut(way).is_some() {
                    self.no_answer().await;
                }
                return Err(unavailable());
            }
            Fate::Late(span) => {
                self.note(&format!("{what}: surfaces {} ms later", span.as_millis()));
                self.faults.surfacing.spawn(async move {
                    pass(span).await;
                    drop(change.await);
                });
                self.no_answer().await;
                return Err(unknown());
            }
            Fate::Lost => (Duration::ZERO, None),
            Fate::Done { before, after } => (before, Some(after)),
        };
        let arrives = self.faults.surfacing.spawn(async move {
            pass(before).await;
            change.await
        });
        let answer = arrives.await.map_err(|_| unknown())?;
        pass(after.unwrap_or_default()).await;
        self.awake().await;
        if after.is_some() && self.cut(way).is_none() {
            return answer;
        }
        self.note(&format!("{what}: the answer is lost"));
        Err(unknown())
    }

    /// Whether the answer to one small call is heard. An error: the call does not get there.
    pub(crate) async fn reaches(&self) -> Result<bool, Error> {
        self.awake().await;
        match self.faults.fate() {
            _ if self.cut(Way::Store).is_some() => Err(unavailable()),
            Fate::Unavailable | Fate::Late(_) => Err(unavailable()),
            Fate::Lost => Ok(false),
            Fate::Done { .. } => Ok(true),
        }
    }

    /// An earlier entry of a row, no older than what this node wrote itself.
    pub(crate) fn earlier(&self, key: &str) -> Option<Entry> {
        if !self.faults.happens(|rates| rates.stale) {
            return None;
        }
        let own = self.written.lock().expect("rows").get(key).map_or(Revision(0), |entry| entry.revision);
        let earlier = self.faults.earlier.lock().expect("entries");
        let allowed: Vec<&Entry> = earlier.get(key)?.iter().filter(|entry| entry.revision >= own).collect();
        let entry = (*allowed.get(self.faults.draw(|random| random.usize(..allowed.len().max(1))))?).clone();
        drop(earlier);
        self.note(&format!("reads {key} as it was at {}", entry.revision.0));
        Some(entry)
    }
}

pub(crate) fn unavailable() -> Error {
    Error::Unavailable { reason: "simulated".into() }
}

pub(crate) fn unknown() -> Error {
    Error::Unknown { reason: "simulated".into() }
}
