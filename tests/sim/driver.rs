//! What happens to one simulation's system, step by step, as its seed and its scenario say: hosts die, stand still, are cut
//! off; people send, ask, operate. Called by `world`; when its steps are over everything must settle.

use std::time::Duration;

use hydra::client::{self, Asked, Client, Request};
use hydra::id::ActorId;
use hydra::message::Status;
use hydra_tests::faults::pass;
use hydra_tests::scripted::request;
use tokio::time::Instant;

use super::guests::{ACCOUNTS, COUNTERS, HOPS, How, Outage};
use super::operators::{actors, of_suspended, operate, operation, suspended, waiters};
use super::oracle::Ending;
use super::scenario::Step;
use super::waiters::{ANSWERERS, ASKERS, CLOCKS};
use super::world::{RETENTION, Running, World};

/// Steps of the driver: most of them send a message.
const STEPS: u32 = 250;
/// Nodes alive at once.
const NODES_MAX: usize = 3;
/// A node that is to die at one of its next calls is killed after so long at the latest.
const DIES_WITHIN: Duration = Duration::from_secs(3);

impl World {
    /// All steps, one after the other.
    pub(crate) async fn drive(&mut self) {
        self.start().await;
        self.faults.set(self.plan.rates);
        for _ in 0..STEPS {
            let (choice, pace) = self.faults.draw(|random| (random.u32(..1_000), random.u32(..100)));
            let longest = match pace {
                0..55 => 40,
                55..85 => 400,
                _ => 6_000,
            };
            self.step(choice).await;
            pass(Duration::from_millis(self.faults.draw(|random| random.u64(..longest)))).await;
        }
    }

    /// Up to this many seconds, mostly far less.
    fn seconds(&self, longest: u64) -> Duration {
        let longest = self.faults.draw(|random| longest * 1_000 / [100, 10, 3, 1][random.usize(..4)]);
        Duration::from_millis(self.faults.draw(|random| random.u64(10..=longest.max(10))))
    }

    async fn step(&mut self, choice: u32) {
        let mut bound = 0;
        let is_chosen = |(_, rate): &&(Step, u32)| {
            bound += rate;
            choice < bound
        };
        let step = self.plan.steps.iter().find(is_chosen).map(|(step, _)| *step);
        let one = self.faults.draw(|random| random.usize(..self.nodes.len()));
        match step {
            Some(Step::Crash) => {
                self.crash(one).await;
                self.start().await;
            }
            Some(Step::Blackout) => self.black_out().await,
            Some(Step::Join) => {
                if self.nodes.len() == NODES_MAX {
                    self.crash(one).await;
                }
                self.start().await;
            }
            Some(Step::Pause) => {
                let span = self.seconds(60);
                self.nodes[one].link.note(&format!("stands still for {} ms", span.as_millis()));
                self.nodes[one].link.pause(span);
            }
            Some(Step::Cut) => {
                let span = self.seconds(120);
                self.nodes[one].link.note(&format!("cut off for {} ms", span.as_millis()));
                self.nodes[one].link.cut_off(span);
            }
            Some(Step::Unseen) => self.hide(one).await,
            Some(Step::Jump) => {
                self.faults.note("time jumps");
                tokio::time::advance(Duration::from_secs(45)).await;
            }
            Some(Step::Retention) => {
                self.faults.note("time passes");
                pass(RETENTION * 2).await;
            }
            Some(Step::Outage) => self.fail(),
            Some(Step::Operate) => self.operate(one).await,
            None => self.send(one),
        }
    }

    /// A node dies at one of its next calls, at once, or after it was told to drain.
    async fn crash(&mut self, one: usize) {
        let (how, calls) = self.faults.draw(|random| (random.u32(..10), random.u32(1..80)));
        let Running { node, link } = &self.nodes[one];
        match how {
            0..2 => {}
            2..4 => {
                link.note("drains");
                node.drain(DIES_WITHIN).await;
            }
            _ => {
                link.die_in(calls);
                let _ = tokio::time::timeout(DIES_WITHIN, link.death()).await;
            }
        }
        self.kill(one);
    }

    async fn black_out(&mut self) {
        while !self.nodes.is_empty() {
            self.kill(0);
        }
        // Seconds, longer than the duplicate window, longer than the retention.
        let span = self.seconds(400);
        self.faults.note(&format!("nobody lives for {} ms", span.as_millis()));
        pass(span).await;
        self.start().await;
    }

    /// Nodes that live are not seen for a while.
    async fn hide(&mut self, one: usize) {
        let (how, link) = (self.faults.draw(|random| random.u32(..4)), &self.nodes[one].link);
        match how {
            0 => {
                let span = self.seconds(20);
                link.note(&format!("cannot say that it lives for {} ms", span.as_millis()));
                link.cut_off_from_liveness(span);
            }
            1 => {
                let span = self.seconds(10);
                link.note(&format!("sees nobody for {} ms", span.as_millis()));
                link.see_nobody(span);
            }
            2 => {
                let span = self.seconds(10);
                self.faults.note(&format!("the rows of living nodes end early for {} ms", span.as_millis()));
                self.faults.end_rows_early(span);
            }
            _ => {
                self.faults.note("the server is started again and forgets who lives");
                self.faults.forget_the_living().await;
            }
        }
    }

    /// All that may fail, or be operated on, here.
    fn everybody(&self) -> Vec<ActorId> {
        let more = if self.plan.waits { waiters() } else { Vec::new() };
        actors().into_iter().chain(more).collect()
    }

    /// Some actors can handle nothing for a while.
    fn fail(&self) {
        let everybody = self.everybody();
        let (which, how, is_kind) = self.faults.draw(|random| {
            let how = [How::Host, How::Retry, How::Suspend][random.usize(..3)];
            (random.usize(..everybody.len()), how, random.u32(..4) == 0)
        });
        let one = &everybody[which];
        let whose = if is_kind && how != How::Suspend { format!("{}/", one.kind()) } else { one.to_string() };
        // Longer than a guest may ask for another try, and it would be a dead letter.
        let span = self.seconds(if how == How::Retry { 20 } else { 300 });
        self.faults.note(&format!("{whose} can handle nothing for {} ms: {how:?}", span.as_millis()));
        self.guests.fail(Outage { whose, how, until: Instant::now() + span });
    }

    /// An operator resumes whoever is suspended, acts on anybody, or takes a dead letter.
    async fn operate(&mut self, through: usize) {
        let (choice, which, operation_choice) =
            self.faults.draw(|random| (random.u32(..10), random.usize(..1_000), random.u32(..100)));
        let chosen = match choice {
            0..3 => {
                let suspended = suspended(&self.store).await.into_iter();
                suspended.map(|to| (to.clone(), of_suspended(&to, operation_choice))).collect()
            }
            3..7 => {
                let everybody = self.everybody();
                let to = everybody[which % everybody.len()].clone();
                let operation = operation(&to, operation_choice);
                vec![(to, operation)]
            }
            7 => return self.letters.drop(which).await,
            _ => return self.letters.replay(which, &self.nodes[through], &self.senders).await,
        };
        for (to, operation) in chosen {
            let (client, operated) = (self.nodes[through].node.client(), self.operated.clone());
            self.faults.note(&format!("an operator: {operation:?} {to}"));
            let letters = self.letters.clone();
            self.senders.spawn(async move {
                let answered = operate(client, to.clone(), operation).await;
                operated.lock().expect("operations").extend(answered);
                letters.drop_skipped(&to).await;
            });
        }
    }

    /// Somebody outside sends something, asks for something, or sends the same twice under one key.
    fn send(&mut self, through: usize) {
        self.sent += 1;
        let name = format!("e{}", self.sent);
        let (choice, asks, twice) = self.faults.draw(|random| (random.u32(..100), random.bool(), random.u32(..10)));
        let pick = |bound: usize| self.faults.draw(|random| random.usize(..bound));
        let (to, subject, body) = match choice {
            _ if self.plan.waits && pick(5) < 2 => self.waiting(&name),
            0..45 => (format!("hop/{}", pick(HOPS)), "hop", format!("{name} 4")),
            45..50 => (format!("hop/{}", pick(HOPS)), "forget", format!("{name} 0")),
            50..75 => {
                let (to, amount) = (pick(ACCOUNTS), pick(60));
                (format!("account/{}", pick(ACCOUNTS)), "transfer", format!("{name} {to} {amount}"))
            }
            _ => {
                let subject = ["add", "add", "add", "add", "retry", "trap", "refuse", "fail", "break"][pick(9)];
                (format!("counter/{}", pick(COUNTERS)), subject, format!("{name} 1"))
            }
        };
        let mut request = request(&to, subject, &body);
        request.key = (twice == 0).then(|| format!("key-{name}"));
        // A transfer that is refused must leave a dead letter, or nobody could tell it from one that is lost.
        let asks = asks && subject != "transfer";
        let endings = self.endings.clone();
        let client = self.nodes[through].node.client();
        let other = self.nodes[pick(self.nodes.len())].node.client();
        self.senders.spawn(async move {
            let receiver = (request.to.clone(), name);
            let mut ending = deliver(&client, request.clone(), asks).await;
            if request.key.is_some() {
                let again = deliver(&other, request, asks).await;
                ending = if again == Ending::Unknown { ending } else { again };
            }
            endings.lock().expect("endings").insert(receiver, ending);
        });
    }
}

impl World {
    /// A message that has its receiver set a timer or make a request.
    fn waiting(&self, name: &str) -> (String, &'static str, String) {
        let pick = |bound: usize| self.faults.draw(|random| random.usize(..bound));
        if pick(2) == 0 {
            let (every_ms, ticks, policy) =
                ([1_000, 3_000, 10_000, 60_000][pick(4)], 1 + pick(4), ["fire", "skip", "once"][pick(3)]);
            return (format!("clock/{}", pick(CLOCKS)), "wind", format!("{name} {every_ms} {ticks} {policy}"));
        }
        let (timeout_ms, subject) =
            ([100, 5_000, 60_000][pick(3)], ["reply", "done", "refuse", "owe", "never"][pick(5)]);
        let to = format!("asker/{}", pick(ASKERS));
        (to, "query", format!("{name} {timeout_ms} {subject} {}", pick(ANSWERERS)))
    }
}

async fn deliver(client: &Client, request: Request, asks: bool) -> Ending {
    if !asks {
        let sent = client.send(request).await;
        return sent.map_or(Ending::Unknown, |_| Ending::Accepted);
    }
    match client.ask(request, Duration::from_secs(30)).await {
        Ok(Asked::Answered(answer)) => match answer.status {
            Status::Replied | Status::Done => Ending::Handled,
            Status::Suspended => Ending::Accepted,
            _ => Ending::NotHandled,
        },
        Ok(Asked::TimedOut(_)) => Ending::Accepted,
        Err(client::Error::Store(_)) => Ending::Unknown,
        Err(error) => panic!("the request was refused: {error}"),
    }
}
