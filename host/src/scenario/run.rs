//! One run of a scenario: step after step, each looked at, until one is not as it should be.
//! Called by `suite` in a runtime of its own whose clock is paused. Drives `host`, never looks behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::{self, Asked, Client, Request};
use crate::deadletter;
use crate::id::{ActorId, Seq};
use crate::message::Answer;
use crate::record::{self, Record, Status};
use crate::scenario::content::Content;
use crate::scenario::difference::{Difference, Differences};
use crate::scenario::expect;
use crate::scenario::host::{self, Host, Setting};
use crate::scenario::observed::{Ending, Observed, SeenActor, SeenAnswer, SeenLetter};
use crate::scenario::script::{Action, Scenario, Step};
use crate::scenario::stage::Error;
use crate::scenario::variant::Variant;
use crate::scenario::watch::Taken;

/// What comes late has this long before it is looked how everything ended: a message that a crash makes be tried anew, five
/// minutes of tries before and after it; one for a kind that takes no part, ten.
const ENDING: Duration = Duration::from_secs(15 * 60);
/// Dead letters that are looked at.
const LETTERS_MAX: usize = 1_000;
/// Actors that are read at once.
const PAGE: usize = 256;

/// What a run showed.
#[derive(Default)]
pub(super) struct Ran {
    /// Of every step that was as it should be.
    pub(super) observed: Vec<Observed>,
    /// How everything ended; none if it did not come to that.
    pub(super) ending: Option<Ending>,
    /// Why the run is not as it should be.
    pub(super) broken: Option<Broken>,
    /// What happened on the way.
    pub(super) seen: Taken,
}

/// Why a run is not as it should be.
pub(super) struct Broken {
    /// In which step, from 0; that behind the last: the end.
    pub(super) step: usize,
    /// In a sentence.
    pub(super) reason: String,
    /// Part by part.
    pub(super) differences: Vec<Difference>,
}

/// Runs a scenario. Without a reference, steps are to be as the author expects; with one, as they were in that run.
pub(super) async fn run(
    scenario: &Scenario,
    setting: &Setting,
    variant: Variant,
    reference: Option<&Ran>,
) -> Result<Ran, Error> {
    let (host, client) = Host::start(setting, variant).await?;
    let mut course = Course { host, client, looked: BTreeMap::new() };
    let mut ran = Ran::default();
    course.play(scenario, variant, reference, &mut ran).await?;
    ran.seen = course.host.watch.take();
    Ok(ran)
}

struct Course<'s> {
    host: Host<'s>,
    client: Client,
    /// How many of its messages an actor was asked for.
    looked: BTreeMap<ActorId, usize>,
}

impl Course<'_> {
    async fn play(
        &mut self,
        scenario: &Scenario,
        variant: Variant,
        reference: Option<&Ran>,
        ran: &mut Ran,
    ) -> Result<(), Error> {
        for (index, step) in scenario.steps.iter().enumerate() {
            self.host.watch.begin(index);
            let observed = self.act(step).await?;
            let observed = match observed {
                Ok(observed) => observed,
                Err(reason) => {
                    ran.broken = Some(Broken { step: index, reason, differences: Vec::new() });
                    return Ok(());
                }
            };
            ran.broken = match reference {
                None => broken(index, "this is not what the scenario expects", unexpected(&step.action, &observed)),
                Some(plain) => {
                    let expected = plain.observed.get(index).unwrap_or(&Observed::Nothing);
                    broken(index, "this differs from the plain run", expected.differences(&observed))
                }
            };
            if ran.broken.is_some() {
                return Ok(());
            }
            ran.observed.push(observed);
            if variant == Variant::RestartAfterStep(index + 1) {
                self.host.rest().await?;
                self.host.restart().await?;
            }
        }
        let end = scenario.steps.len();
        self.host.watch.begin(end);
        self.host.rest().await?;
        self.host.pass(ENDING).await?;
        self.host.rest().await?;
        let ending = self.ending().await?;
        if let Some(plain) = reference.and_then(|plain| plain.ending.as_ref()) {
            let reason = "at the end, something differs from the plain run";
            ran.broken = broken(end, reason, plain.differences(&ending));
        }
        ran.ending = Some(ending);
        Ok(())
    }

    /// Does one step. The inner error says why it cannot be done.
    async fn act(&mut self, step: &Step) -> Result<Result<Observed, String>, Error> {
        // Messages are stored one behind the other; whoever looks waits until they are handled.
        if !matches!(step.action, Action::Ask { .. } | Action::Send(_)) {
            self.host.rest().await?;
        }
        let observed = match &step.action {
            Action::Ask { request, timeout, .. } => match self.ask(request, *timeout).await? {
                Ok(answer) => Observed::Answer(answer),
                Err(error) => return Ok(Err(refusal(&error))),
            },
            Action::Send(request) => {
                let client = self.client.clone();
                match self.host.through(client.send(request.clone())).await? {
                    Ok(_) => Observed::Nothing,
                    Err(error) => return Ok(Err(refusal(&error))),
                }
            }
            Action::Advance(span) => {
                self.host.advance(*span).await?;
                Observed::Nothing
            }
            Action::Crash => {
                self.host.restart().await?;
                Observed::Nothing
            }
            Action::State { actor, .. } => Observed::State(self.record(actor).await?.state.map(Content)),
            Action::Sent { actor, .. } => {
                let looked = self.looked.entry(actor.clone()).or_default();
                let sent = self.host.watch.sent(&actor.to_string(), *looked);
                *looked += sent.len();
                Observed::Sent(sent)
            }
            Action::DeadLetters(_) => Observed::Letters(self.letters().await?),
        };
        if !matches!(step.action, Action::Send(_)) {
            self.host.rest().await?;
        }
        Ok(host::trouble(&self.host.watch).map_or(Ok(observed), Err))
    }

    /// Asks and waits: for the answer, the time-out, or until it is clear that the answer comes in a later turn.
    async fn ask(&mut self, request: &Request, timeout: Duration) -> Result<Result<SeenAnswer, client::Error>, Error> {
        let (client, watch) = (self.client.clone(), self.host.watch.clone());
        watch.take_later(&request.to);
        let later = async {
            loop {
                host::rest(&watch).await;
                if watch.take_later(&request.to) || host::trouble(&watch).is_some() {
                    return;
                }
            }
        };
        let asked = async {
            // Dropping either is safe: an ask that is not awaited any more stays stored, and looking changes nothing.
            tokio::select! {
                biased;
                answer = client.ask(request.clone(), timeout) => answer.map(Some),
                () = later => Ok(None),
            }
        };
        let answered = self.host.through(asked).await?;
        Ok(answered.map(|asked| match asked {
            Some(Asked::Answered(answer)) => seen(answer),
            Some(Asked::TimedOut(_)) => SeenAnswer { status: "timed-out".into(), ..SeenAnswer::default() },
            None => SeenAnswer { status: "later".into(), ..SeenAnswer::default() },
        }))
    }

    async fn record(&self, actor: &ActorId) -> Result<Record, Error> {
        let row = self.host.store.actors.get(&record::key(actor)).await?;
        let read = row.map(|row| Record::decode(&row)).transpose().map_err(|error| Error::host(&error))?;
        Ok(read.unwrap_or_default())
    }

    async fn letters(&self) -> Result<Vec<SeenLetter>, Error> {
        let letters = deadletter::list(&self.host.store, None, Seq(0), LETTERS_MAX).await?;
        let seen = |letter: deadletter::DeadLetter| SeenLetter {
            actor: letter.actor.to_string(),
            subject: letter.subject,
            reason: letter.reason,
            text: letter.text,
        };
        Ok(letters.into_iter().map(seen).collect())
    }

    async fn ending(&self) -> Result<Ending, Error> {
        let mut actors = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.host.store.actors.list("", after.as_deref(), PAGE).await?;
            for actor in page.iter().filter_map(|key| record::actor_of(key)) {
                let record = self.record(&actor).await?;
                let suspended = match record.status {
                    Status::Suspended(problem) => Some(problem.code),
                    Status::Active | Status::Deleted => None,
                };
                if record.state.is_some() || suspended.is_some() {
                    actors.insert(actor.to_string(), SeenActor { state: record.state.map(Content), suspended });
                }
            }
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
        }
        Ok(Ending { actors, sent: self.host.watch.all_sent(), letters: self.letters().await? })
    }
}

fn broken(step: usize, reason: &str, differences: Vec<Difference>) -> Option<Broken> {
    (!differences.is_empty()).then(|| Broken { step, reason: reason.into(), differences })
}

/// How what a step showed differs from what its author expects.
fn unexpected(action: &Action, observed: &Observed) -> Vec<Difference> {
    let mut found = Differences::default();
    match (action, observed) {
        (Action::Ask { expect, .. }, Observed::Answer(answer)) => expect.check(answer, &mut found),
        (Action::State { expect, .. }, Observed::State(state)) => expect.check(state.as_ref(), &mut found),
        (Action::Sent { expect, .. }, Observed::Sent(sent)) => expect::check_sent(expect, sent, &mut found),
        (Action::DeadLetters(expect), Observed::Letters(letters)) => expect.check(letters, &mut found),
        _ => {}
    }
    found.0
}

fn seen(answer: Answer) -> SeenAnswer {
    let (code, text) = answer.problem.map(|problem| (problem.code, problem.text)).unzip();
    let status = answer.status.as_str().into();
    SeenAnswer { status, code, text, headers: answer.headers.0, body: Content(answer.body) }
}

/// Why a message was not accepted, for the author of a scenario.
fn refusal(error: &client::Error) -> String {
    match error {
        client::Error::UnknownKind { kind } => {
            format!("no component of kind {kind} takes part: add [[component]] with its kind and path")
        }
        error => format!("the message is not accepted: {error}"),
    }
}
