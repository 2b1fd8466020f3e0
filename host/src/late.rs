//! Late copies: messages that surface long after their content was fixed, when the log no longer recognises their ids.
//! Asked by `activation` and `operator` before a message is handled. Never guesses: what the log forgot is doubtful.

use crate::backend::{Delivery, Error, History};
use crate::bucket::Bucket;
use crate::id::ActorId;
use crate::mailbox::Waiting;
use crate::message::Problem;
use crate::record::Record;
use crate::turn::{Admission, LOOK_UP_FROM, admit, is_from_before};

/// Whether a message is still to be handled.
pub(crate) enum Admitted {
    Yes,
    /// It was, or an earlier copy of it.
    Done,
    /// Nobody can tell: it ends with this.
    Dead(Problem),
}

/// What the log knows of earlier copies.
#[derive(Debug)]
pub(crate) struct Earlier {
    history: History,
    /// This log still has everything since the doubtful messages' contents were fixed.
    complete: bool,
}

impl Earlier {
    /// Looks for earlier copies of these messages of one actor, in one scan.
    ///
    /// # Errors
    /// `Closed`, `Damaged`: the bucket cannot go on.
    pub(crate) async fn find(bucket: &Bucket, actor: &ActorId, doubts: Vec<&Delivery>) -> Result<Self, Error> {
        let fixed = doubts.iter().filter_map(|delivery| delivery.committed).min();
        let last = doubts.iter().map(|delivery| delivery.seq).max();
        let (Some(fixed), Some(last)) = (fixed, last) else {
            return Ok(Self { history: History::default(), complete: true });
        };
        let ids: Vec<_> = doubts.iter().map(|delivery| delivery.id.clone()).collect();
        let (since, log) = (fixed.minus(LOOK_UP_FROM), &bucket.context.backend.log);
        let history = Box::pin(bucket.patiently("history", || log.find(actor, since, last, &ids))).await?;
        Ok(Self { complete: history.complete, history })
    }

    /// Whether a message is still to be handled.
    ///
    /// # Errors
    /// `Damaged`: the log lost its newest messages; the bucket cannot go on.
    pub(crate) fn admit(&self, bucket: &Bucket, record: &Record, waiting: &Waiting) -> Result<Admitted, Error> {
        let delivery = &waiting.delivery;
        let position = match waiting.parked {
            Some(_) => record.parked.map(|parked| parked.position),
            None => record.cursor,
        };
        match admit(position, record.committed, bucket.id, bucket.context.retired, delivery) {
            Admission::Behind => Ok(Admitted::Done),
            Admission::TailLost => {
                let reason = format!("{} is ahead of its mailbox: the log lost its newest messages", delivery.to);
                Err(Error::Damaged { reason })
            }
            Admission::LookUp if self.has(delivery) => {
                tracing::info!(actor = %delivery.to, seq = delivery.seq.0, "dropped a late copy");
                Ok(Admitted::Done)
            }
            Admission::LookUp if !self.would_know(bucket, delivery) => {
                let text = "a copy this late may have been handled before, and the log forgot";
                Ok(Admitted::Dead(Problem::new("doubtful", text)))
            }
            Admission::LookUp | Admission::Handle => Ok(Admitted::Yes),
        }
    }

    /// Whether an earlier copy of this message could not be there without having been found.
    pub(crate) fn would_know(&self, bucket: &Bucket, delivery: &Delivery) -> bool {
        self.complete && !is_from_before(bucket.context.retired, delivery)
    }

    /// Whether an earlier copy of this message stands before it.
    pub(crate) fn has(&self, delivery: &Delivery) -> bool {
        self.history.found.iter().any(|(id, seq)| id == &delivery.id && *seq < delivery.seq)
    }
}
