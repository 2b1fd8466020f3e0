//! A component's handler as a scenario's host sees it: the same code, with the scenario's clock and randomness.
//! Stands between host and guest. Time moves as the scenario says, not with what the host spends on a restart; randomness is
//! made from the message's name, so both are the same in every run. A turn is never interleaved with another.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;

use crate::digest::Digest;
use crate::effects::Fault;
use crate::id::ActorId;
use crate::manifest::Manifest;
use crate::message::Message;
use crate::scenario::link::Link;
use crate::scenario::recording::Recording;
use crate::wasm::{Handled, Handler, Input, Instance};

/// A component in one host of a run.
pub(super) struct Watched {
    handler: Arc<dyn Handler>,
    link: Arc<Link>,
    seed: u64,
}

impl Watched {
    /// This handler, for the host with this link.
    pub(super) fn new(handler: Arc<dyn Handler>, link: Arc<Link>, seed: u64) -> Self {
        Self { handler, link, seed }
    }
}

#[async_trait]
impl Handler for Watched {
    fn version(&self) -> Digest {
        self.handler.version()
    }

    fn manifest(&self) -> &Manifest {
        self.handler.manifest()
    }

    async fn instance(&self, actor: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        self.link.alive().await;
        let (handler, link, seed) = (self.handler.clone(), self.link.clone(), self.seed);
        let instance = self.handler.instance(actor).await?;
        Ok(Box::new(WatchedInstance { instance, handler, link, seed }))
    }
}

struct WatchedInstance {
    instance: Box<dyn Instance>,
    handler: Arc<dyn Handler>,
    link: Arc<Link>,
    seed: u64,
}

#[async_trait]
impl Instance for WatchedInstance {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        self.link.alive().await;
        let watch = &self.link.watch;
        let name = watch.name_of(&input.message.id);
        let now = watch.now().plus(watch.trying_for(&input.message.id, input.attempt));
        let mut hash = blake3::Hasher::new();
        hash.update(&self.seed.to_le_bytes()).update(name.id.as_str().as_bytes()).update(&input.attempt.to_le_bytes());
        let message = Message { id: name.id, ..input.message.clone() };
        let random_key = *hash.finalize().as_bytes();
        let reply_token = input.reply_token.map(|token| watch.give_reply_token(&message.id, token));
        let input = Input { message: &message, now, accepted: name.accepted, random_key, reply_token, ..input };
        let mut handled = at_once(self.instance.handle(input.clone())).await;
        for answer in &mut handled.effects.answers {
            answer.reply_token = watch.reply_token(std::mem::take(&mut answer.reply_token));
        }
        let recording = |step: usize| {
            let (version, manifest) = (self.handler.version(), self.handler.manifest());
            Recording::new(format!("step {}", step + 1), version, manifest, &input, &handled)
        };
        watch.turned(&input, &handled, recording);
        handled
    }
}

/// Runs a turn without letting others run in between. A guest that computes for long offers to; whether it comes to that
/// depends on the machine's speed, and nothing else here does.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    // Without tokio's own limit on how much one task may do, which would look like an offer that is renewed for ever.
    let mut work = pin!(tokio::task::unconstrained(work));
    poll_fn(|context| {
        loop {
            let offer = Arc::new(Offer::default());
            let waker = Waker::from(offer.clone());
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            if !offer.0.load(Ordering::Relaxed) {
                // It really waits, for virtual time: the runtime wakes it.
                return work.as_mut().poll(context);
            }
        }
    })
    .await
}

/// Whether whoever was polled wants to be polled again at once.
#[derive(Default)]
struct Offer(AtomicBool);

impl Wake for Offer {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_offers_to_wait_runs_on_and_one_that_waits_for_time_gets_it() {
        let others = Cell::new(0);
        let offers = at_once(async {
            for _ in 0..1_000 {
                let mut offered = false;
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut offered, true) { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
            let seen = others.get();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            seen
        });
        let (seen, ()) = tokio::join!(biased; offers, async { others.set(1) });
        assert_eq!((seen, others.get()), (0, 1));
    }
}
