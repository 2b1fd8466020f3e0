//! What must hold once the faults have stopped and everything is quiet: nothing lost, nothing doubled, order kept.
//! Looks only at what an outsider sees: the log's arrivals, the records, the dead letters, the answers.

use std::collections::{BTreeMap, BTreeSet};

use hydra::backend::Backend;
use hydra::deadletter::{self, DeadLetter};
use hydra::id::{ActorId, Cursor, Seq};
use hydra::message::Status;
use hydra::record::Record;
use hydra_tests::scripted::actor;
use hydra_tests::witness::{Arrival, Witness};

use super::guests::{ACCOUNTS, Told, foreseen_end, passes_on};
use super::operators::{Operated, record};
use super::scenario::Step;
use super::waiters;
use super::world::World;

/// More dead letters than any simulation makes.
const LETTERS_MAX: usize = 100_000;
/// Instead of its reason: the dead letter is gone, and its message is in the mailbox again.
const REPLAYED: &str = "replayed";
/// Instead of its reason: its message may be in the mailbox again.
const REPLAY_BEGUN: &str = "replay begun";

/// How a message from outside ended for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The log has it.
    Accepted,
    /// It was handled.
    Handled,
    /// It became a dead letter, or was refused.
    NotHandled,
    /// The sender does not know.
    Unknown,
}

/// What is left when everything is quiet.
pub(crate) struct Found<'a> {
    witness: &'a Witness,
    /// The dead letters that are there, and those that an operator took.
    letters: Vec<DeadLetter>,
    /// Those that were put into their mailboxes again, by name, and how far that went.
    replayed: BTreeMap<String, &'static str>,
    /// What each actor was told, in order.
    told: BTreeMap<ActorId, Vec<String>>,
    records: BTreeMap<ActorId, Record>,
    states: BTreeMap<ActorId, Told>,
    complaints: Vec<String>,
}

/// The rules that were broken.
pub(crate) async fn check(world: &World, witness: &Witness) -> Vec<String> {
    let letters = deadletter::list(&world.store, None, Seq(0), LETTERS_MAX).await.expect("dead letters");
    let mut found = Found {
        witness,
        letters,
        replayed: BTreeMap::new(),
        told: BTreeMap::new(),
        records: BTreeMap::new(),
        states: BTreeMap::new(),
        complaints: witness.complaints.clone(),
    };
    found.read(&world.store).await;
    found.check_taken(world);
    found.check_actors();
    found.check_chains();
    found.check_letters(world);
    found.check_money();
    found.check_senders();
    found.check_endings(&world.endings.lock().expect("endings"));
    found.check_clocks();
    found.check_requests();
    found.check_operations(&world.operated.lock().expect("operations"));
    found.complaints
}

fn uid(body: &str) -> &str {
    body.split(' ').next().unwrap_or_default()
}

/// Refused to somebody who waited for the answer: that leaves nothing behind.
fn is_refused(arrival: &Arrival) -> bool {
    arrival.subject == "refuse" && arrival.is_awaited
}

impl Found<'_> {
    async fn read(&mut self, store: &Backend) {
        for to in self.witness.arrivals.keys().chain(self.witness.operations.keys()) {
            let record = record(store, to).await;
            self.states.insert(to.clone(), Told::read(record.state.as_deref()));
            self.records.insert(to.clone(), record);
        }
        for (to, told) in &self.states {
            let ledger = self.states.get(&actor(&format!("ledger/{}-{}", to.kind(), to.id())));
            let archived = ledger.into_iter().flat_map(|ledger| ledger.archive.clone());
            let replaced = self.witness.replaced.get(to).into_iter().flatten();
            let replaced = replaced.flat_map(|state| Told::read(Some(state)).journal);
            self.told.insert(to.clone(), archived.chain(replaced).chain(told.journal.clone()).collect());
        }
    }

    fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Each message is handled once or a dead letter, and an actor's messages are handled in the order of the log.
    fn check_actors(&mut self) {
        for (to, arrivals) in &self.witness.arrivals {
            let dead = self.dead_of(to);
            let told = &self.told[to];
            let known: BTreeSet<&str> = arrivals.values().map(|arrival| uid(&arrival.body)).collect();
            let mut complaints = Vec::new();
            let mut places = Vec::new();
            for name in &known {
                let copies = arrivals.iter().filter(|(_, arrival)| uid(&arrival.body) == *name);
                let copies: Vec<(&Seq, &Arrival)> = copies.collect();
                let buried = copies.iter().filter_map(|(seq, _)| dead.get(seq));
                let ends: Vec<&str> = buried.copied().collect();
                let may_end = |end: &&str| ["doubtful", REPLAYED, REPLAY_BEGUN].contains(end);
                let times = told.iter().filter(|told| told == name).count();
                match times {
                    0 if ends.iter().all(|end| *end == REPLAYED)
                        && !copies.iter().all(|(_, copy)| is_refused(copy)) =>
                    {
                        complaints.push(format!("lost: {to} was never told {name}: {copies:?}"))
                    }
                    0 => {}
                    1 if ends.iter().all(may_end) => {
                        // Of one that was replayed several copies may wait, under one key.
                        let is_certain = ends.iter().all(|end| *end == "doubtful");
                        let alive = copies.iter().find(|(seq, _)| is_certain && !dead.contains_key(seq));
                        places.extend(alive.map(|(seq, _)| ((**name).to_owned(), **seq)));
                    }
                    1 => {
                        complaints.push(format!("doubled: {to} was told {name}, which is also a dead letter: {ends:?}"))
                    }
                    _ => complaints.push(format!("doubled: {to} was told {name} {times} times: {copies:?}")),
                }
            }
            let places: BTreeMap<String, Seq> = places.into_iter().collect();
            let order: Vec<Seq> = told.iter().filter_map(|name| places.get(name).copied()).collect();
            if !order.is_sorted() && complaints.is_empty() {
                complaints.push(format!("order: {to} was told {told:?}, which stand at {order:?}"));
            }
            let strange = told.iter().filter(|name| !known.contains(name.as_str()));
            complaints.extend(strange.map(|name| format!("doubled: {to} was told {name}, which never came")));
            self.complaints.extend(complaints);
        }
    }

    /// Reasons of an actor's dead letters, by the place of the message.
    fn dead_of<'a>(&'a self, to: &ActorId) -> BTreeMap<Seq, &'a str> {
        let letters = self.letters.iter().filter(|letter| letter.actor == *to);
        let told = |letter: &'a DeadLetter| {
            let place: Cursor = letter.id.parse().expect("a place");
            (place.seq, self.replayed.get(&letter.id).copied().unwrap_or(letter.reason.as_str()))
        };
        letters.map(told).collect()
    }

    /// What was handled has sent on what it had to, and nobody else did.
    fn check_chains(&mut self) {
        let arrived: BTreeSet<(&ActorId, &str)> =
            self.witness.arrivals.iter().fold(BTreeSet::new(), |mut all, (to, arrivals)| {
                all.extend(arrivals.values().map(|arrival| (to, uid(&arrival.body))));
                all
            });
        let told: BTreeSet<&str> = self.told.values().flatten().map(String::as_str).collect();
        let mut complaints = Vec::new();
        for (to, arrivals) in &self.witness.arrivals {
            for arrival in arrivals.values() {
                let name = uid(&arrival.body);
                if let Some((parent, _)) = name.rsplit_once('.').filter(|(parent, _)| !told.contains(parent)) {
                    complaints.push(format!("doubled: {to} got {name}, though {parent} was never handled"));
                }
                let passes = ["hop", "add", "slow", "retry", "trap"].contains(&arrival.subject.as_str());
                if !passes || !self.told[to].iter().any(|told| told == name) {
                    continue;
                }
                let children = passes_on(&arrival.body);
                let lost = children.iter().filter(|(to, _, body)| !arrived.contains(&(to, uid(body))));
                complaints.extend(lost.map(|(to, _, body)| format!("lost: {body} never came to {to}")));
            }
        }
        self.complaints.extend(complaints);
    }

    /// What an operator took does not come again, and counts as what it was.
    fn check_taken(&mut self, world: &World) {
        let left: BTreeSet<String> = self.letters.iter().map(|letter| letter.id.clone()).collect();
        let (mut back, mut gone) = (Vec::new(), Vec::new());
        let all = world.letters.taken();
        for taken in &all {
            match left.contains(&taken.letter.id) {
                // A replay may have ended between its two steps.
                true if taken.is_replayed => {}
                true => back.push(taken.letter.id.clone()),
                false => gone.push(taken.letter.clone()),
            }
        }
        if !back.is_empty() && !world.plan.has_late_copies() {
            self.complain(format!("doubled: dead letters that were dropped came again: {back:?}"));
        }
        let replayed = all.iter().filter(|taken| taken.is_replayed).map(|taken| &taken.letter.id);
        let far = |id: &String| (id.clone(), if left.contains(id) { REPLAY_BEGUN } else { REPLAYED });
        self.replayed = replayed.map(far).collect();
        self.letters.extend(gone);
    }

    /// Every dead letter has a cause: what its receiver does with such a message, an operator, or trimmed history.
    fn check_letters(&mut self, world: &World) {
        let mut skipped: BTreeMap<&ActorId, BTreeSet<&str>> = BTreeMap::new();
        let mut complaints = Vec::new();
        for letter in &self.letters {
            let place: Cursor = letter.id.parse().expect("a place");
            let is_foreseen = match letter.reason.as_str() {
                "doubtful" => world.plan.has_late_copies() && self.witness.trimmed.contains_key(&place.bucket),
                "skipped" => {
                    skipped.entry(&letter.actor).or_default().insert(&letter.id);
                    true
                }
                // Its tries were used up while its actor could handle nothing.
                "out" => world.plan.steps.iter().any(|(step, _)| *step == Step::Outage),
                reason => foreseen_end(&letter.subject) == Some(reason),
            };
            if !is_foreseen {
                complaints.push(format!("dead letter without cause: {letter:?}"));
            }
        }
        for (of, letters) in skipped {
            let skips = self.operations(of).filter(|operation| operation.subject == "operator:skip");
            let skips: BTreeSet<&str> = skips.map(|operation| operation.id.as_str()).collect();
            if letters.len() > skips.len() {
                complaints.push(format!("doubled: {of} had {letters:?} skipped by {skips:?}"));
            }
        }
        self.complaints.extend(complaints);
    }

    fn operations(&self, of: &ActorId) -> impl Iterator<Item = &Arrival> {
        self.witness.operations.get(of).into_iter().flat_map(BTreeMap::values)
    }

    /// Each time of a timer is told once and by its policy: what its actor heard is what the log's ticks make of it.
    fn check_clocks(&mut self) {
        let mut complaints = Vec::new();
        for (of, state) in &self.states {
            let dead = self.dead_of(of);
            for (name, clock) in &state.clocks {
                let mut ticks = BTreeMap::new();
                let told = self.witness.dues.get(of).into_iter().flatten();
                for (seq, tick) in told.filter(|(_, tick)| tick.subject == format!("timer:{name}")) {
                    let due = tick.id.rsplit(':').next().and_then(|due| due.parse().ok()).expect("a due time");
                    // The first copy counts.
                    ticks.entry(due).or_insert((tick.time, dead.contains_key(seq)));
                }
                let wanted = waiters::heard(clock, &ticks);
                if clock.heard != wanted {
                    let word = if clock.heard.len() < wanted.len() { "lost" } else { "doubled" };
                    complaints
                        .push(format!("{word}: {of} heard of {name} {:?}, not {wanted:?}: {clock:?}", clock.heard));
                }
                let is_over = wanted.len() >= clock.ticks || (clock.policy == "once" && !ticks.is_empty());
                if !is_over {
                    complaints.push(format!("lost: {of} heard of {name} too little: {clock:?}"));
                }
            }
        }
        self.complaints.extend(complaints);
    }

    /// Each request ends once, and a reply is the one to it.
    fn check_requests(&mut self) {
        let mut complaints = Vec::new();
        for (of, state) in &self.states {
            let dead = self.dead_of(of);
            let all_handled = !dead.values().any(|end| *end == "out");
            for (name, asked) in &state.asked {
                let is_true = match &asked.endings[..] {
                    [] => !all_handled,
                    [one] => one.strip_prefix("replied ").is_none_or(|said| said == format!("{name}.q")),
                    _ => false,
                };
                if !is_true {
                    complaints.push(format!(
                        "{}: {name} of {of} ended {asked:?}",
                        if asked.endings.is_empty() { "lost" } else { "doubled" }
                    ));
                }
            }
        }
        self.complaints.extend(complaints);
    }

    /// What an operator was told is done has been applied.
    fn check_operations(&mut self, operated: &[Operated]) {
        let mut complaints = Vec::new();
        for (of, id, status) in operated.iter().filter(|(_, _, status)| *status == Status::Done) {
            let applied = self.records.get(of).and_then(|record| record.operator).map(|position| position.seq);
            let arrivals = self.witness.operations.get(of).into_iter().flatten();
            let first = arrivals.filter(|(_, operation)| operation.id == *id).map(|(seq, _)| *seq).next();
            if first.is_none() || first > applied {
                complaints.push(format!(
                    "lost: {id} for {of} was answered {status:?}, stands at {first:?}, {applied:?} is applied"
                ));
            }
        }
        self.complaints.extend(complaints);
    }

    /// Money is neither made nor burnt, and credits come in their numbers' order.
    fn check_money(&mut self) {
        if self.letters.iter().any(|letter| letter.actor.kind().as_str() == "account" && letter.reason == "doubtful") {
            return;
        }
        let accounts = (0..ACCOUNTS).filter_map(|id| self.states.get(&actor(&format!("account/{id}"))));
        let (mut sum, mut misnumbered) = (0, 0);
        for account in accounts {
            sum += account.balance;
            misnumbered += account.misnumbered;
        }
        if sum != 0 || misnumbered != 0 {
            self.complain(format!("money: {sum} more than there was, {misnumbered} credits out of their order"));
        }
    }

    /// What one actor sent to another came in the order of sending.
    fn check_senders(&mut self) {
        let mut complaints = Vec::new();
        for (to, arrivals) in &self.witness.arrivals {
            let mut latest: BTreeMap<&str, (Cursor, usize)> = BTreeMap::new();
            let mut seen = BTreeSet::new();
            // A dead letter that is replayed comes from outside, under its first sender's name.
            let is_sent = |arrival: &&Arrival| !arrival.id.starts_with("in:");
            for arrival in arrivals.values().filter(is_sent).filter(|arrival| seen.insert(&arrival.id)) {
                let Some(sender) = &arrival.sender else { continue };
                let place = arrival.id.rsplit_once(':').and_then(|(commit, index)| {
                    let commit = commit.strip_prefix(sender)?.strip_prefix(':')?;
                    Some((commit.parse().ok()?, index.parse().ok()?))
                });
                let place: (Cursor, usize) = place.expect("an outbox's id");
                if latest.insert(sender, place).is_some_and(|before| before >= place) {
                    complaints.push(format!("order: {} came to {to} behind a later one", arrival.id));
                }
            }
        }
        self.complaints.extend(complaints);
    }

    /// Senders outside were told the truth.
    fn check_endings(&mut self, endings: &BTreeMap<(ActorId, String), Ending>) {
        for ((to, name), ending) in endings {
            let arrivals = self.witness.arrivals.get(to);
            let has_come = arrivals.is_some_and(|all| all.values().any(|arrival| uid(&arrival.body) == name));
            let handled = self.told.get(to).is_some_and(|told| told.contains(name));
            let dead = self.dead_of(to);
            let copies = arrivals.into_iter().flatten().filter(|(_, arrival)| uid(&arrival.body) == name);
            let is_replayed =
                copies.filter_map(|(seq, _)| dead.get(seq)).any(|end| [REPLAYED, REPLAY_BEGUN].contains(end));
            let is_true = match ending {
                Ending::Accepted => has_come,
                Ending::Handled => handled,
                Ending::NotHandled => !handled || is_replayed,
                Ending::Unknown => true,
            };
            if !is_true {
                self.complain(format!("lost: the sender of {name} to {to} was told {ending:?}"));
            }
        }
    }
}
