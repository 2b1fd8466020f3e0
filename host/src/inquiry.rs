//! What one host asks all others: the last turns of an actor, which whoever ran them remembers.
//! Asked by `http`, answered by every host that shares its store. Best effort: who does not answer in time is named.
//! Never changes anything, and never answers to a channel that is not an inquiry's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Error, Follow, Notice};
use crate::cluster::{self, Member};
use crate::history::{Histories, PastTurn, TURNS_MAX};
use crate::id::ActorId;
use crate::message::Headers;

/// Where questions are asked.
const QUESTIONS: &str = "history.ask";
/// First words of the channels on which answers are awaited.
const ANSWERS: &str = "history.told";
/// How long the others have for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Questions at once; more wait.
const QUESTIONS_MAX: usize = 16;
/// Wait before questions are followed again.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Question {
    actor: ActorId,
    /// Where the answer goes.
    reply: String,
    /// Who asks: it knows its own answer.
    from: Member,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    from: Member,
    turns: Vec<PastTurn>,
}

/// A turn, and the host that ran it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The host's name.
    pub node: String,
    /// The turn.
    #[serde(flatten)]
    pub turn: PastTurn,
}

/// What the hosts remember of an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Who.
    pub actor: ActorId,
    /// Its last turns, oldest first.
    pub turns: Vec<Remembered>,
    /// Hosts that did not answer in time: what they remember is missing.
    pub silent: Vec<String>,
}

/// Asks and answers. Cheap to clone.
#[derive(Clone)]
pub struct Inquiry(Arc<Inner>);

struct Inner {
    backend: Backend,
    histories: Histories,
    me: Member,
    places: Semaphore,
    next: AtomicU64,
}

impl Inquiry {
    /// For a host of this name.
    pub(crate) fn new(backend: Backend, histories: Histories, me: Member) -> Self {
        let (places, next) = (Semaphore::new(QUESTIONS_MAX), AtomicU64::new(0));
        Self(Arc::new(Inner { backend, histories, me, places, next }))
    }

    /// The name of this host.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.me.node
    }

    /// What this host alone remembers.
    #[must_use]
    pub fn histories(&self) -> &Histories {
        &self.0.histories
    }

    /// What all hosts remember of an actor; takes at most about a second.
    ///
    /// # Errors
    /// The store's: it cannot be asked who else there is. Try again.
    pub async fn history(&self, actor: &ActorId) -> Result<History, Error> {
        let here = self.0.histories.of(actor);
        let mut turns: Vec<Remembered> = remembered(&self.0.me, here).collect();
        let mut awaited = BTreeSet::new();
        if !self.0.backend.exclusive {
            // The semaphore is never closed; if it were, more would be asked at once.
            let _place = self.0.places.acquire().await;
            awaited = cluster::living(&*self.0.backend.liveness).await?.into_iter().collect();
            awaited.remove(&self.0.me);
            let (mut answers, deadline) = (self.ask(actor).await?, Instant::now() + ANSWER_WITHIN);
            while !awaited.is_empty() {
                let Ok(Some(notice)) = tokio::time::timeout_at(deadline, answers.recv()).await else { break };
                let Ok(answer) = serde_json::from_slice::<Answer>(&notice.body) else { continue };
                if awaited.remove(&answer.from) {
                    turns.extend(remembered(&answer.from, answer.turns));
                }
            }
        }
        turns.sort_by_key(|remembered| remembered.turn.time);
        turns.drain(..turns.len().saturating_sub(TURNS_MAX));
        let silent = awaited.into_iter().map(|member| member.node).collect();
        Ok(History { actor: actor.clone(), turns, silent })
    }

    /// Asks; answers come on a channel of their own.
    async fn ask(&self, actor: &ActorId) -> Result<Follow, Error> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let reply = format!("{ANSWERS}.{}.{number}", self.0.me.boot);
        let answers = self.0.backend.log.follow(&reply).await?;
        self.tell(QUESTIONS, &Question { actor: actor.clone(), reply, from: self.0.me.clone() });
        Ok(answers)
    }

    /// Answers what the other hosts ask, until `ended`.
    pub(crate) async fn answer(self, ended: CancellationToken) {
        let follow = async {
            loop {
                match self.0.backend.log.follow(QUESTIONS).await {
                    Ok(mut questions) => {
                        while let Some(notice) = questions.recv().await {
                            self.receive(&notice);
                        }
                    }
                    Err(error) => tracing::debug!(%error, "cannot hear what other hosts ask: trying again"),
                }
                tokio::time::sleep(FOLLOW_AGAIN_AFTER).await;
            }
        };
        // Dropping it is safe: who asks waits for a bounded time.
        ended.run_until_cancelled(follow).await.unwrap_or_default()
    }

    fn receive(&self, notice: &Notice) {
        let Ok(question) = serde_json::from_slice::<Question>(&notice.body) else { return };
        let is_inquiry = question.reply.strip_prefix(ANSWERS).is_some_and(|rest| rest.starts_with('.'));
        if is_inquiry && question.from != self.0.me {
            let turns = self.0.histories.of(&question.actor);
            self.tell(&question.reply, &Answer { from: self.0.me.clone(), turns });
        }
    }

    fn tell(&self, channel: &str, what: &impl Serialize) {
        let body = serde_json::to_vec(what).unwrap_or_default().into();
        self.0.backend.log.notify(Notice { channel: channel.into(), headers: Headers::default(), body });
    }
}

fn remembered(member: &Member, turns: Vec<PastTurn>) -> impl Iterator<Item = Remembered> {
    turns.into_iter().map(|turn| Remembered { node: member.node.clone(), turn })
}
