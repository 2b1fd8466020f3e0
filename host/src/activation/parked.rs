//! An actor whose messages are parked: it moves new ones behind the others, and works from the queue until it is empty.
//! The part of `activation` for that; `parking` is the queue itself. Never takes a message off the queue on the word of a
//! record that may be stale.

use std::collections::VecDeque;

use super::{Activation, Stop};
use crate::backend::Delivery;
use crate::callers::tell_suspended;
use crate::commit::{Draft, Loaded};
use crate::crash::{self, Step};
use crate::id::Seq;
use crate::late::Admitted;
use crate::mailbox::Waiting;
use crate::message::{Message, Problem};
use crate::parking::{self, PARKED_MAX};
use crate::record;
use crate::timer::Heard;
use crate::turn::Settled;

impl Activation {
    /// Reads messages that were parked. Once there are none, the actor works from the log again.
    pub(super) async fn read_parked(&mut self) -> Result<VecDeque<Waiting>, Stop> {
        let loaded = self.load().await?;
        let page = parking::read(&self.bucket, &self.actor, Seq(0)).await?;
        let (last, is_all) = (page.last().map(|parked| parked.seq), page.len() < parking::PAGE);
        // Without a position all of it are copies that came when the queue was empty already.
        let position = loaded.record.parked.map_or(Seq(u64::MAX), |parked| parked.position.seq);
        let mut messages = parking::first_copies(page, position);
        let is_handled = messages.is_empty() && self.has_handled_all(&loaded, is_all).await?;
        if let Some(last) = last.filter(|_| is_handled) {
            parking::trim(&self.bucket, &self.actor, last).await?;
        }
        let deliveries: Vec<Delivery> = messages.iter().map(|waiting| waiting.delivery.clone()).collect();
        if let Some(last) = messages.back_mut() {
            last.memory = Some(self.bucket.memory(&deliveries).await?);
        }
        Ok(messages)
    }

    /// Whether nothing that was read from the queue is still to be handled, as this record says; `is_all`: nothing stands
    /// behind it. A record that was read may be an old one, to which what waits looks like copies: where that could be,
    /// only a write that succeeds tells.
    async fn has_handled_all(&mut self, loaded: &Loaded, is_all: bool) -> Result<bool, Stop> {
        let is_parked = loaded.record.parked.is_some();
        if loaded.revision.is_some() && (is_all || !is_parked) {
            let mut draft = Draft::new(loaded);
            draft.unpark();
            crash::at(Step::BeforeUnpark);
            if !self.commit(loaded, draft, VecDeque::new(), &mut VecDeque::new()).await? {
                return Ok(false);
            }
        }
        // Without a record nothing was ever parked.
        if !is_parked && (is_all || loaded.revision.is_none()) {
            self.bucket.mailboxes().unpark(&self.actor);
        }
        Ok(loaded.revision.is_some())
    }

    /// Moves messages from the log behind those that are parked: they are handled from there, in their order.
    pub(super) async fn park(&mut self, messages: &mut VecDeque<Waiting>, loaded: Loaded) -> Result<(), Stop> {
        // Only the record may tell that something is parked: an earlier owner may have done it after this claim began.
        self.bucket.mailboxes().park(&self.actor);
        let earlier = self.find_earlier(messages, &loaded).await?;
        let mut draft = Draft::new(&loaded);
        for waiting in &*messages {
            let (delivery, origin) = (&waiting.delivery, self.at(waiting.delivery.seq));
            let full =
                || Problem::new("parked-full", format!("{PARKED_MAX} messages of this actor are parked already"));
            let dead = match earlier.admit(&self.bucket, &loaded.record, waiting)? {
                Admitted::Done => continue,
                Admitted::Dead(problem) => Some(problem),
                Admitted::Yes => draft.record.parked.filter(|parked| parked.count >= PARKED_MAX).map(|_| full()),
            };
            match dead {
                None => draft.park(origin),
                Some(problem) => {
                    let message = Message::from_log(
                        delivery.id.clone(),
                        self.actor.clone(),
                        &delivery.headers,
                        delivery.body.clone(),
                    );
                    let heard = Heard::of(&draft.record.waits, &delivery.headers, &delivery.body, delivery.time);
                    let settled = Settled::dead_letter(delivery, message.ok().as_ref(), origin, problem).with(&heard);
                    draft.add(origin, false, None, settled, self.bucket.now().await?);
                }
            }
            if let record::Status::Suspended(problem) = &loaded.record.status {
                tell_suspended(&self.bucket, delivery, problem);
            }
        }
        let parked = std::mem::take(messages);
        self.commit(&loaded, draft, parked, messages).await.map(drop)
    }
}
