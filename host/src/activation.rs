//! (3) One awake actor: its record, its messages in order, and sleep.
//! Begun by `inbox` when a message arrives for an actor that sleeps; runs turns and commits until nothing waits.
//! Exactly one per actor and claim; it never waits with messages in its hands: what waits long is left in the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Delivery, Error, Notice, Queue};
use crate::bucket::Bucket;
use crate::commit::{self, Committed, Draft, LoadError, Loaded};
use crate::crash::{self, Step};
use crate::digest::Digest;
use crate::effects::Fault;
use crate::failure::History;
use crate::id::{ActorId, Cursor, Seq};
use crate::late::Earlier;
use crate::mailbox::{Waiting, Work};
use crate::message::{Answer, Message, Problem, Status, reply_of};
use crate::operation::is_operation;
use crate::operator;
use crate::record;
use crate::turn::{Admission, Ended, Settled, Turn, admit};
use crate::wasm::{Handler, Instance};

/// Messages read from the log at once, when they did not fit in memory.
const PAGE: usize = 64;

/// One awake actor.
pub(crate) struct Activation {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) actor: ActorId,
    /// The message it is stuck at, and what was tried with it.
    trouble: Option<Trouble>,
    /// One turn per commit: several together were too large to store.
    one_by_one: bool,
}

#[derive(Debug, Clone)]
struct Trouble {
    seq: Seq,
    history: History,
    /// The message's effects are too large to store: it ends with this.
    forced: Option<Problem>,
}

/// Why a run of turns ended before the messages did.
enum Stop {
    Wait(Duration),
    Suspend(Problem),
    /// The store takes no more: the claim is over or the bucket has stopped.
    Over(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Over(error)
    }
}

/// Code in memory for one run, made at the first message that needs it.
struct Code {
    handler: Arc<dyn Handler>,
    instance: Option<Box<dyn Instance>>,
}

impl Activation {
    /// An actor that wakes up.
    pub(crate) fn new(bucket: Arc<Bucket>, actor: ActorId) -> Self {
        Self { bucket, actor, trouble: None, one_by_one: false }
    }

    /// Works until nothing waits, the host drains, or the claim is over.
    pub(crate) async fn run(mut self) {
        loop {
            if self.bucket.lost.is_cancelled() || self.bucket.context.draining.is_cancelled() {
                return self.bucket.mailboxes().end(&self.actor);
            }
            let limit = if self.one_by_one { 1 } else { self.bucket.context.settings.activation_messages_max };
            let work = self.bucket.mailboxes().take(&self.actor, limit);
            let stop = match work {
                Work::End => return,
                Work::Operator(delivery) => {
                    operator::apply(&self, delivery).await.map(|()| self.trouble = None).err().map(Stop::Over)
                }
                Work::Messages(messages) => self.work(messages).await,
                Work::Read { after, up_to } => match self.read(after, up_to).await {
                    Ok(messages) => self.work(messages).await,
                    Err(error) => Some(Stop::Over(error)),
                },
            };
            match stop {
                // A suspended actor's mailbox gives no work but an operator's.
                None | Some(Stop::Suspend(_)) => {}
                Some(Stop::Wait(span)) => self.wait(span).await,
                Some(Stop::Over(Error::Closed)) => self.bucket.stand_down(),
                Some(Stop::Over(error)) => self.bucket.stop(error.to_string()),
            }
        }
    }

    /// Reads messages that were left in the log.
    async fn read(&self, after: Seq, up_to: Seq) -> Result<VecDeque<Waiting>, Error> {
        let log = &self.bucket.context.backend.log;
        let page = self.bucket.patiently("messages", || log.read(Queue::Inbox, Some(&self.actor), after, PAGE)).await?;
        let complete = page.len() < PAGE;
        // Messages behind `up_to` may have been left since: they are read the next time.
        let read_up_to = page.last().filter(|_| !complete).map_or(up_to, |last| last.seq.min(up_to));
        let wanted = |delivery: &Delivery| delivery.seq <= up_to && !is_operation(&delivery.headers);
        let page: Vec<Delivery> = page.into_iter().filter(wanted).collect();
        self.bucket.mailboxes().found(&self.actor, &page, read_up_to);
        // Memory for all of them at once: whoever waited for more while holding some could wait for another who does too.
        let memory = self.bucket.memory(&page).await?;
        let mut messages: VecDeque<Waiting> =
            page.into_iter().map(|delivery| Waiting { delivery, memory: None }).collect();
        if let Some(last) = messages.back_mut() {
            last.memory = Some(memory);
        }
        Ok(messages)
    }

    /// Handles messages in order. What is not handled is left in the log.
    async fn work(&mut self, mut messages: VecDeque<Waiting>) -> Option<Stop> {
        loop {
            match self.run_once(&mut messages).await {
                Ok(()) if messages.is_empty() => return None,
                Ok(()) => {}
                Err(stop) => {
                    match &stop {
                        Stop::Suspend(problem) => suspend(&self.bucket, &self.actor, messages, problem),
                        Stop::Wait(_) | Stop::Over(_) => drop(self.bucket.mailboxes().put_back(&self.actor, messages)),
                    }
                    return Some(stop);
                }
            }
        }
    }

    /// Handles messages until they are done, one commit is full, or one fails; commits what was handled.
    async fn run_once(&mut self, messages: &mut VecDeque<Waiting>) -> Result<(), Stop> {
        let loaded = self.load().await?;
        if let record::Status::Suspended(problem) = &loaded.record.status {
            return Err(Stop::Suspend(problem.clone()));
        }
        let earlier = self.find_earlier(messages, &loaded).await?;
        let (mut draft, mut handled, mut stop) = (Draft::new(&loaded), VecDeque::new(), None);
        let mut code = None;
        while let Some(waiting) = messages.front() {
            let delivery = &waiting.delivery;
            match self.handle(delivery, &draft, &loaded, &earlier, &mut code).await {
                Err(over) => stop = Some(over),
                Ok(None) => {}
                Ok(Some((_, Ended::Again { after, .. }))) => stop = Some(Stop::Wait(after)),
                Ok(Some((_, Ended::Suspended(problem)))) => {
                    draft.suspend(problem.clone());
                    stop = Some(Stop::Suspend(problem));
                }
                Ok(Some((message, Ended::Settled(settled)))) => {
                    if !draft.fits(&settled) || (self.one_by_one && draft.turns() == 1) {
                        break;
                    }
                    self.trouble.take_if(|trouble| trouble.seq == delivery.seq);
                    draft.add(self.at(delivery.seq), message.as_ref(), *settled, self.bucket.now().await?);
                }
            }
            if stop.is_some() {
                break;
            }
            handled.extend(messages.pop_front());
        }
        drop(code);
        let is_stored = self.commit(&loaded, draft, handled, messages).await?;
        stop.filter(|_| is_stored).map_or(Ok(()), Err)
    }

    /// One message. None: it is done already, and there is nothing to commit for it.
    async fn handle(
        &mut self,
        delivery: &Delivery,
        draft: &Draft,
        loaded: &Loaded,
        earlier: &Earlier,
        code: &mut Option<Code>,
    ) -> Result<Option<(Option<Message>, Ended)>, Stop> {
        let origin = self.at(delivery.seq);
        let dead = |message: Option<&Message>, code: &str, text: String| {
            let settled = Settled::dead_letter(delivery, message, origin, Problem::new(code, text));
            Ok(Some((None, Ended::Settled(Box::new(settled)))))
        };
        match admit(loaded.record.cursor, loaded.record.committed, self.bucket.id, delivery) {
            Admission::Behind => return Ok(None),
            Admission::TailLost => {
                let reason = format!("{} is ahead of its mailbox: the log lost its newest messages", self.actor);
                return Err(Stop::Over(Error::Damaged { reason }));
            }
            Admission::LookUp if earlier.has(delivery) => {
                tracing::info!(actor = %self.actor, seq = delivery.seq.0, "dropped a late copy");
                return Ok(None);
            }
            Admission::LookUp if !earlier.complete => {
                return dead(
                    None,
                    "doubtful",
                    "a copy this late may have been handled before, and the log forgot".into(),
                );
            }
            Admission::LookUp | Admission::Handle => {}
        }
        let read = Message::from_log(delivery.id.clone(), self.actor.clone(), &delivery.headers, delivery.body.clone());
        let message = match read {
            Ok(message) => message,
            Err(error) => return dead(None, "malformed", error.to_string()),
        };
        if let Some(problem) = self.trouble_at(delivery).and_then(|trouble| trouble.forced.clone()) {
            return dead(Some(&message), &problem.code, problem.text);
        }
        let ended = self.turn(origin, delivery, &message, draft, code).await?;
        Ok(Some((Some(message), ended)))
    }

    /// One try at one message with the kind's current code.
    async fn turn(
        &mut self,
        origin: Cursor,
        delivery: &Delivery,
        message: &Message,
        draft: &Draft,
        code: &mut Option<Code>,
    ) -> Result<Ended, Stop> {
        let (now, bucket) = (self.bucket.now().await?, self.bucket.clone());
        let context = &bucket.context;
        let untried = History { attempts: 0, waits: 0, first: now, accepted: delivery.time };
        let history = self.trouble_at(delivery).map_or(untried, |trouble| trouble.history);
        let turn = Turn { origin, delivery, message, record: &draft.record, history, now, secret: &context.secret };
        if let Some(settled) = turn.repeated() {
            return Ok(Ended::Settled(Box::new(settled)));
        }
        let ended = match self.code(code).await {
            Err(fault) => turn.fail(fault),
            Ok((handler, instance)) => {
                let manifest = handler.manifest();
                let version: (Digest, u32) = (handler.version(), manifest.state_version);
                let idle = Duration::from_millis(manifest.idle_ms);
                let (ended, reusable) = turn.run(instance.as_mut(), version, idle, &*context.backend.log).await;
                if !reusable && let Some(code) = code {
                    code.instance = None;
                }
                ended
            }
        };
        if let Ended::Again { history, .. } = &ended {
            self.trouble = Some(Trouble { seq: delivery.seq, history: *history, forced: None });
        }
        Ok(ended)
    }

    /// The code of this run: all its turns see the same version.
    async fn code<'a>(
        &self,
        code: &'a mut Option<Code>,
    ) -> Result<(Arc<dyn Handler>, &'a mut Box<dyn Instance>), Fault> {
        let kind = self.actor.kind();
        let code = match code {
            Some(code) => code,
            None => {
                let registry = &self.bucket.context.registry;
                let missing = || match registry.knows(kind) {
                    true => Problem::new("kind-not-loaded", format!("kind {kind} does not load: deploy it again")),
                    false => Problem::new("unknown-kind", format!("kind {kind} is not deployed")),
                };
                let handler = registry.handler(kind).ok_or_else(|| Fault::Host(missing()))?;
                code.insert(Code { handler, instance: None })
            }
        };
        let instance = match code.instance.take() {
            Some(instance) => instance,
            None => code.handler.instance(&self.actor).await?,
        };
        Ok((code.handler.clone(), code.instance.insert(instance)))
    }

    /// Stores what was handled and marks it done. False: nothing was stored, and the messages are taken back.
    async fn commit(
        &mut self,
        loaded: &Loaded,
        draft: Draft,
        mut handled: VecDeque<Waiting>,
        messages: &mut VecDeque<Waiting>,
    ) -> Result<bool, Stop> {
        let records = &self.bucket.context.records;
        let (turns, last) = (draft.turns(), draft.record.cursor);
        if !draft.is_empty() {
            match commit::commit(&self.bucket, &self.actor, loaded, draft).await? {
                Committed::Done(loaded) => {
                    self.remember_tombstone(&loaded);
                    records.insert(self.actor.clone(), *loaded);
                }
                Committed::Refused => {
                    records.remove(&self.actor);
                    handled.append(messages);
                    *messages = handled;
                    return Ok(self.bucket.check_claim().await.map(|()| false)?);
                }
                Committed::TooLarge(error) => {
                    self.too_large(turns, last, &error);
                    handled.append(messages);
                    *messages = handled;
                    return Ok(false);
                }
            }
        }
        crash::at(Step::TurnsDone);
        self.bucket.done(handled.iter().map(|waiting| waiting.delivery.seq));
        Ok(true)
    }

    /// Several turns together were too large: one by one then. A single one that is too large ends as a dead letter.
    fn too_large(&mut self, turns: usize, last: Option<Cursor>, error: &Error) {
        self.one_by_one = true;
        if let (1, Some(cursor)) = (turns, last) {
            let text = format!("what this turn wants stored is too large: {error}");
            let forced = Some(Problem::new("too-large", text));
            self.trouble = Some(Trouble { seq: cursor.seq, history: History::default(), forced });
        }
    }

    /// The record, from memory or the store. An actor whose record cannot be read is suspended until a human acts.
    async fn load(&self) -> Result<Loaded, Stop> {
        let records = &self.bucket.context.records;
        if let Some(loaded) = records.get(&self.actor) {
            return Ok(loaded);
        }
        match commit::load(&self.bucket, &self.actor).await {
            Ok(loaded) => {
                records.insert(self.actor.clone(), loaded.clone());
                Ok(loaded)
            }
            Err(LoadError::Store(error)) => Err(Stop::Over(error)),
            Err(error) => {
                tracing::error!(actor = %self.actor, %error, "an actor's record cannot be read");
                Err(Stop::Suspend(Problem::new("record-unreadable", error.to_string())))
            }
        }
    }

    /// Which of the messages that may be late copies have an earlier one: one look-up for all of them.
    async fn find_earlier(&self, messages: &VecDeque<Waiting>, loaded: &Loaded) -> Result<Earlier, Error> {
        let record = &loaded.record;
        let doubts = || {
            let all = messages.iter().map(|waiting| &waiting.delivery);
            all.filter(|delivery| admit(record.cursor, record.committed, self.bucket.id, delivery) == Admission::LookUp)
        };
        Earlier::find(&self.bucket, &self.actor, doubts().collect()).await
    }

    fn remember_tombstone(&self, loaded: &Loaded) {
        if let (record::Status::Deleted, Some(cursor)) = (&loaded.record.status, loaded.record.position()) {
            self.bucket.remember_tombstone(cursor.seq, self.actor.clone());
        }
    }

    fn trouble_at(&self, delivery: &Delivery) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| trouble.seq == delivery.seq)
    }

    fn at(&self, seq: Seq) -> Cursor {
        Cursor { bucket: self.bucket.id, seq }
    }

    /// Waits until it is time to try again, an operator calls, or the kind has other code.
    async fn wait(&self, span: Duration) {
        let Some(call) = self.bucket.mailboxes().call_of(&self.actor) else { return };
        tokio::select! {
            biased;
            // Dropping any of these is safe: the mailbox and the registry are looked at again after the wait.
            () = self.bucket.context.draining.cancelled() => {}
            () = self.bucket.lost.cancelled() => {}
            () = call.notified() => {}
            () = self.bucket.context.registry.changed(self.actor.kind()) => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}

/// Leaves all messages of an actor that waits for a human in the log, and tells whoever waits for them.
pub(crate) fn suspend(bucket: &Bucket, actor: &ActorId, unhandled: VecDeque<Waiting>, problem: &Problem) {
    tracing::warn!(%actor, code = problem.code, "an actor is suspended");
    let left = bucket.mailboxes().suspend(actor, unhandled);
    left.iter().for_each(|delivery| tell_suspended(bucket, delivery, problem));
}

/// Tells whoever waits for a message that it waits itself, for a human. Best effort: the message is not done.
pub(crate) fn tell_suspended(bucket: &Bucket, delivery: &Delivery, problem: &Problem) {
    tell(bucket, delivery, &Answer::new(delivery.id.clone(), Status::Suspended).with_problem(problem.clone()));
}

/// Tells whoever waits for a message, without a commit: best effort.
pub(crate) fn tell(bucket: &Bucket, delivery: &Delivery, answer: &Answer) {
    let Some(reply) = reply_of(&delivery.headers) else { return };
    let (headers, body) = answer.to_wire();
    bucket.context.backend.log.notify(Notice { channel: reply.into(), headers, body });
}
