//! (3) One awake actor: its record, its messages in order, and sleep.
//! Begun by `inbox` when a message arrives for an actor that sleeps; runs turns and commits until nothing waits.
//! Exactly one per actor and claim; it never waits with messages in its hands: what waits is left in the log, and what
//! waits long is parked.

mod parked;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug_span};

use crate::backend::{Delivery, Error, Queue};
use crate::bucket::Bucket;
use crate::callers::suspend;
use crate::commit::{self, Committed, Draft, LoadError, Loaded};
use crate::digest::Digest;
use crate::effects::Fault;
use crate::failure::History;
use crate::id::{ActorId, Cursor, Seq};
use crate::late::{Admitted, Earlier};
use crate::mailbox::{Waiting, Work};
use crate::message::{Message, Problem};
use crate::operator;
use crate::parking;
use crate::record;
use crate::timer::Heard;
use crate::turn::{Admission, Ended, Settled, Turn, admit};
use crate::wake;
use crate::wasm::{Handler, Instance};

/// Messages read from the log at once, when they did not fit in memory.
const PAGE: usize = 64;
/// After so long what was handled is committed, even if more waits: whoever waits for the first answer does not wait for
/// all the others of a slow handler.
const RUN_FOR: Duration = Duration::from_millis(20);

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
    /// Not to be tried again before.
    until: Instant,
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
                // What is rare is boxed: it would make every awake actor as large as its largest moment.
                Work::Operator(delivery) => {
                    let applied = Box::pin(operator::apply(&self, delivery)).await;
                    applied.map(|()| self.trouble = None).err().map(Stop::Over)
                }
                Work::Due => Box::pin(self.tell_due()).await.err(),
                Work::Messages(messages) => self.work(messages).await,
                Work::Read { .. } | Work::Parked => match Box::pin(self.read_rest(work)).await {
                    Ok(messages) => self.work(messages).await,
                    Err(stop) => Some(stop),
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

    /// Puts what is due into the mailbox. A record that this claim did not write may be an old one: it is read anew.
    async fn tell_due(&self) -> Result<(), Stop> {
        let (bucket, actor) = (&self.bucket, &self.actor);
        if bucket.context.records.get(actor).is_some_and(|loaded| loaded.record.epoch != bucket.epoch) {
            bucket.context.records.remove(actor);
        }
        match self.load().await {
            Ok(loaded) => Ok(wake::tell(bucket, actor, &loaded.record).await?),
            Err(stop) => {
                bucket.alarms().give_up(actor);
                bucket.set_earlier.notify_one();
                Err(stop)
            }
        }
    }

    /// Reads what does not wait in memory.
    async fn read_rest(&mut self, work: Work) -> Result<VecDeque<Waiting>, Stop> {
        match work {
            Work::Read { after, up_to } => Ok(self.read(after, up_to).await?),
            Work::Parked => self.read_parked().await,
            Work::Operator(_) | Work::Due | Work::Messages(_) | Work::End => Ok(VecDeque::new()),
        }
    }

    /// Reads messages that were left in the log.
    async fn read(&self, after: Seq, up_to: Seq) -> Result<VecDeque<Waiting>, Error> {
        let log = &self.bucket.context.backend.log;
        let page = self.bucket.patiently("messages", || log.read(Queue::Inbox, Some(&self.actor), after, PAGE)).await?;
        let is_all = page.len() < PAGE;
        let page = self.bucket.mailboxes().found(&self.actor, page, up_to, is_all);
        // Memory for all of them at once: whoever waited for more while holding some could wait for another who does too.
        let memory = self.bucket.memory(&page).await?;
        let mut messages: VecDeque<Waiting> =
            page.into_iter().map(|delivery| Waiting { delivery, parked: None, memory: None }).collect();
        if let Some(last) = messages.back_mut() {
            last.memory = Some(memory);
        }
        Ok(messages)
    }

    /// Handles messages in order, as many as one commit takes. What is not handled then waits where it did.
    async fn work(&mut self, mut messages: VecDeque<Waiting>) -> Option<Stop> {
        let stop = self.run_once(&mut messages).await.err();
        // What is parked stays where it is.
        messages.retain(|waiting| waiting.parked.is_none());
        match &stop {
            None => self.bucket.mailboxes().give_back(&self.actor, messages),
            Some(Stop::Suspend(problem)) => suspend(&self.bucket, &self.actor, messages, problem),
            Some(Stop::Wait(_) | Stop::Over(_)) => drop(self.bucket.mailboxes().put_back(&self.actor, messages)),
        }
        stop
    }

    /// Handles messages until they are done, one commit is full, or one fails; commits what was handled.
    async fn run_once(&mut self, messages: &mut VecDeque<Waiting>) -> Result<(), Stop> {
        let loaded = self.load().await?;
        let is_from_log = messages.front().is_some_and(|waiting| waiting.parked.is_none());
        if is_from_log && (loaded.record.parked.is_some() || self.bucket.mailboxes().is_parked(&self.actor)) {
            return Box::pin(self.park(messages, loaded)).await;
        }
        if let record::Status::Suspended(problem) = &loaded.record.status {
            return Err(Stop::Suspend(problem.clone()));
        }
        let earlier = self.find_earlier(messages, &loaded).await?;
        let (mut draft, mut handled, mut stop) = (Draft::new(&loaded), VecDeque::new(), None);
        let (mut code, began) = (None, Instant::now());
        while let Some(waiting) = messages.front() {
            let (delivery, is_parked) = (&waiting.delivery, waiting.parked.is_some());
            if let Some(trouble) = self.trouble_at(delivery).filter(|trouble| trouble.until > Instant::now()) {
                stop = Some(Stop::Wait(trouble.until - Instant::now()));
                break;
            }
            match self.handle(waiting, &draft, &loaded, &earlier, &mut code).await {
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
                    draft.add(self.at(delivery.seq), is_parked, message.as_ref(), *settled, self.bucket.now().await?);
                }
            }
            if stop.is_some() {
                break;
            }
            handled.extend(messages.pop_front());
            if began.elapsed() > RUN_FOR {
                break;
            }
        }
        drop(code);
        let is_stored = self.commit(&loaded, draft, handled, messages).await?;
        stop.filter(|_| is_stored).map_or(Ok(()), Err)
    }

    /// One message. None: it is done already, and there is nothing to commit for it.
    async fn handle(
        &mut self,
        waiting: &Waiting,
        draft: &Draft,
        loaded: &Loaded,
        earlier: &Earlier,
        code: &mut Option<Code>,
    ) -> Result<Option<(Option<Message>, Ended)>, Stop> {
        let (delivery, origin) = (&waiting.delivery, self.at(waiting.delivery.seq));
        let heard = Heard::of(&draft.record.waits, &delivery.headers, &delivery.body, delivery.time);
        let dead = |message: Option<&Message>, code: &str, text: String| {
            let settled = Settled::dead_letter(delivery, message, origin, Problem::new(code, text));
            Ok(Some((None, Ended::Settled(Box::new(settled.with(&heard))))))
        };
        match earlier.admit(&self.bucket, &loaded.record, waiting)? {
            Admitted::Done => {
                self.bucket.context.metrics.dropped("copy");
                return Ok(None);
            }
            Admitted::Dead(problem) => return dead(None, &problem.code, problem.text),
            Admitted::Yes => {}
        }
        if let Some(reason) = heard.needs_no_handler() {
            self.bucket.context.metrics.dropped(reason);
            tracing::debug!(actor = %self.actor, seq = delivery.seq.0, "passed over what was due: nobody waits for it");
            let settled = Settled::passed_over(loaded.revision.is_some() || draft.turns() > 0);
            return Ok(Some((None, Ended::Settled(Box::new(settled.with(&heard))))));
        }
        let read = Message::from_log(delivery.id.clone(), self.actor.clone(), &delivery.headers, delivery.body.clone());
        let message = match read {
            Ok(message) => message,
            Err(error) => return dead(None, "malformed", error.to_string()),
        };
        if let Some(problem) = self.trouble_at(delivery).and_then(|trouble| trouble.forced.clone()) {
            return dead(Some(&message), &problem.code, problem.text);
        }
        let ended = self.turn(origin, delivery, &message, &heard, draft, code).await?;
        Ok(Some((Some(message), ended)))
    }

    /// One try at one message with the kind's current code.
    async fn turn(
        &mut self,
        origin: Cursor,
        delivery: &Delivery,
        message: &Message,
        heard: &Heard,
        draft: &Draft,
        code: &mut Option<Code>,
    ) -> Result<Ended, Stop> {
        let (now, bucket) = (self.bucket.now().await?, self.bucket.clone());
        let context = &bucket.context;
        let untried = History { attempts: 0, waits: 0, first: now, accepted: delivery.time };
        let history = self.trouble_at(delivery).map_or(untried, |trouble| trouble.history);
        let (record, secret) = (&draft.record, &context.secret);
        let (metrics, histories) = (&*context.metrics, &context.histories);
        let traced = context.traces.begin(message.trace.as_deref(), || span(message, origin, history.attempts + 1));
        let turn = Turn {
            origin,
            delivery,
            message,
            heard,
            record,
            history,
            now,
            secret,
            metrics,
            histories,
            traced: &traced,
        };
        if let Some(settled) = turn.repeated() {
            return Ok(Ended::Settled(Box::new(settled)));
        }
        let mut ended = match self.code(code).await {
            Err(fault) => {
                metrics.no_code(context.known(self.actor.kind()));
                turn.cannot_run(fault)
            }
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
        if let Ended::Settled(settled) = &mut ended {
            settled.span = Some(traced.span);
        }
        if let Ended::Again { history, after } = &ended {
            metrics.retry(context.known(self.actor.kind()));
            let until = Instant::now() + *after;
            self.trouble = Some(Trouble { seq: delivery.seq, history: *history, until, forced: None });
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
        let (turns, last, was_parked) = (draft.turns(), draft.record.handled(), loaded.record.parked.is_some());
        let mut is_queue_done = false;
        if !draft.is_empty() {
            match commit::commit(&self.bucket, &self.actor, loaded, draft).await? {
                Committed::Done(Some(loaded)) => {
                    self.remember_tombstone(&loaded);
                    is_queue_done = loaded.record.parked.is_some_and(|parked| parked.count == 0);
                    if was_parked && loaded.record.parked.is_none() {
                        self.bucket.mailboxes().unpark(&self.actor);
                    }
                    records.insert(self.actor.clone(), *loaded);
                }
                Committed::Done(None) => {
                    records.remove(&self.actor);
                    Box::pin(self.bucket.check_claim()).await?;
                }
                Committed::Refused => {
                    records.remove(&self.actor);
                    handled.append(messages);
                    *messages = handled;
                    return Ok(Box::pin(self.bucket.check_claim()).await.map(|()| false)?);
                }
                Committed::TooLarge(error) => {
                    self.too_large(turns, last, &error);
                    handled.append(messages);
                    *messages = handled;
                    return Ok(false);
                }
            }
        }
        let from_log = handled.iter().filter(|waiting| waiting.parked.is_none());
        self.bucket.done(from_log.map(|waiting| waiting.delivery.seq));
        // The last ones stay until the record is not parked any more: they lead the next owner here, should it come to that.
        if let Some(last) = handled.iter().filter_map(|waiting| waiting.parked).max().filter(|_| !is_queue_done) {
            Box::pin(parking::trim(&self.bucket, &self.actor, last)).await?;
        }
        Ok(true)
    }

    /// Several turns together were too large: one by one then. A single one that is too large ends as a dead letter.
    fn too_large(&mut self, turns: usize, last: Option<Cursor>, error: &Error) {
        self.one_by_one = true;
        if let (1, Some(cursor)) = (turns, last) {
            let text = format!("what this turn wants stored is too large: {error}");
            let forced = Some(Problem::new("too-large", text));
            self.trouble =
                Some(Trouble { seq: cursor.seq, history: History::default(), until: Instant::now(), forced });
        }
    }

    /// The record, from memory or the store. An actor whose record cannot be read is suspended until a human acts.
    async fn load(&self) -> Result<Loaded, Stop> {
        let records = &self.bucket.context.records;
        // What was remembered under an earlier claim may be old: others had the bucket since.
        if let Some(loaded) = records.get(&self.actor).filter(|loaded| loaded.claim == self.bucket.epoch) {
            return Ok(loaded);
        }
        // Boxed: who has been loaded does not carry the loading along.
        match Box::pin(commit::load(&self.bucket, &self.actor)).await {
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
        let (bucket, retired) = (self.bucket.id, self.bucket.context.retired);
        let admit = |delivery: &&Delivery| admit(record.cursor, record.committed, bucket, retired, delivery);
        let doubts = || {
            let all = messages.iter().map(|waiting| &waiting.delivery);
            all.filter(|delivery| admit(delivery) == Admission::LookUp)
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

    /// Waits until it is time to try again, somebody calls, or the kind has other code.
    async fn wait(&mut self, span: Duration) {
        let Some(call) = self.bucket.mailboxes().call_of(&self.actor) else { return };
        if self.bucket.mailboxes().has_to_park(&self.actor) {
            return;
        }
        tokio::select! {
            biased;
            // Dropping any of these is safe: the mailbox and the registry are looked at again after the wait.
            () = self.bucket.context.draining.cancelled() => {}
            () = self.bucket.lost.cancelled() => {}
            () = call.notified() => {}
            () = self.bucket.context.registry.changed(self.actor.kind()) => {
                if let Some(trouble) = &mut self.trouble {
                    trouble.until = Instant::now();
                }
            }
            () = tokio::time::sleep(span) => {}
        }
    }
}

/// Around one try at one message, until its commit.
fn span(message: &Message, at: Cursor, attempt: u32) -> Span {
    let actor = &message.to;
    debug_span!(parent: None, "turn", otel.kind = "consumer", actor.kind = %actor.kind(), actor.id = actor.id(),
        subject = %message.subject, bucket = %at.bucket, seq = at.seq.0, attempt, outcome = Empty)
}
