//! Looks whether a stream has news for its source, and asks the source to go on: on the host that serves the source's actor.
//! One task for each source and host, started by `node`. Asking once too often does no harm, so two hosts that both believe
//! to serve the actor do none either. Never reads more than one message, and never hands one on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::handler::{MORE, Source};
use super::status::look;
use crate::backend::Error;
use crate::bucket::Context;
use crate::client::{self, Asked, Client, Request};
use crate::config::Binding;
use crate::message::{Headers, Status};

/// How soon a stream that had news is looked at again; doubles up to the longest while it has none.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(250);
/// The same while something is wrong.
const LOOK_AFTER_TROUBLE: Duration = Duration::from_secs(2);
/// How long a source may take for a turn, the waiting for its place included.
const PULL_MAX: Duration = Duration::from_secs(30);
/// So often the position follows messages that are not the filter's, so that trimming them is not taken for a loss.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);

/// What a look has led to.
enum Looked {
    /// Something was handed on.
    News,
    Nothing,
    /// The source stands still: why.
    Trouble(String),
}

/// Watches one source until the host drains or ends.
pub(crate) async fn watch(binding: Binding, context: Arc<Context>, client: Client) {
    let source = match Source::new(&binding) {
        Ok(source) => source,
        Err(error) => return tracing::error!(%error, "a source has no name that can be used"),
    };
    let (draining, ended) = (context.draining.clone(), context.ended.clone());
    let watching = Watch { source, context, client, followed: None, told: None }.run();
    // Dropping it is safe: a pull that was sent is handled by whoever serves the actor, and nobody waits for its answer.
    let _ = draining.run_until_cancelled(ended.run_until_cancelled(watching)).await;
}

struct Watch {
    source: Source,
    context: Arc<Context>,
    client: Client,
    /// When the position last followed messages that are not the filter's.
    followed: Option<Instant>,
    /// What was told last about why it stands still.
    told: Option<String>,
}

impl Watch {
    async fn run(mut self) {
        let mut pause = LOOK_AGAIN_MIN;
        loop {
            let is_here = self.context.oldest.is_here(self.context.backend.log.bucket_of(&self.source.actor));
            let looked = if is_here { self.look().await } else { Ok(Looked::Nothing) };
            let trouble = match looked {
                Ok(Looked::News) => {
                    pause = LOOK_AGAIN_MIN;
                    None
                }
                Ok(Looked::Nothing) => {
                    pause = (pause * 2).min(LOOK_AGAIN_MAX);
                    None
                }
                Ok(Looked::Trouble(why)) => Some(why),
                Err(error) => Some(error.to_string()),
            };
            if trouble.is_some() {
                pause = LOOK_AFTER_TROUBLE;
            }
            self.tell(trouble);
            tokio::time::sleep(pause).await;
        }
    }

    /// Says once why the source stands still, and that it goes on.
    fn tell(&mut self, trouble: Option<String>) {
        let source = self.source.binding.name();
        match (&self.told, &trouble) {
            (Some(_), None) => tracing::info!(source, "a source goes on"),
            (told, Some(why)) if told.as_ref() != Some(why) => tracing::warn!(source, why, "a source stands still"),
            _ => {}
        }
        self.told = trouble;
    }

    async fn look(&mut self) -> Result<Looked, client::Error> {
        let (source, backend) = (&self.source, &self.context.backend);
        let look = look(backend, source).await?;
        let position = match look.resume(source) {
            Ok(position) => position,
            Err(trouble) => return Ok(Looked::Trouble(trouble.to_string())),
        };
        let has_begun = matches!(&look.kept, Ok(Some(kept)) if *kept == position);
        if has_begun && look.is_at_end(&position) {
            return Ok(Looked::Nothing);
        }
        let (stream, filter) = (&source.binding.stream, &source.binding.filter);
        let next = backend.log.read_foreign(stream, filter, position.seq, 1).await?;
        let has_news = next.is_some_and(|page| !page.messages.is_empty());
        let follows = self.followed.is_none_or(|followed| followed.elapsed() > FOLLOW_EVERY);
        if has_begun && !has_news && !follows {
            return Ok(Looked::Nothing);
        }
        self.followed = Some(Instant::now());
        self.pull_all().await
    }

    /// Asks the source to go on until it has come to the end.
    async fn pull_all(&self) -> Result<Looked, client::Error> {
        while !self.context.draining.is_cancelled() {
            let (to, subject) = (self.source.actor.clone(), Source::pull());
            let (headers, body) = (Headers::default(), Bytes::new());
            let pull = Request { to, subject, headers, body, key: None, trace: None };
            match self.client.ask(pull, PULL_MAX).await? {
                Asked::Answered(answer) if answer.status == Status::Replied && answer.body == MORE => {}
                Asked::Answered(answer) => {
                    return Ok(answer.problem.map_or(Looked::News, |problem| Looked::Trouble(problem.text)));
                }
                Asked::TimedOut(_) => {
                    let reason = "a pull was not handled in time: hydra actor show tells why";
                    return Err(Error::Unavailable { reason: reason.into() }.into());
                }
            }
        }
        Ok(Looked::Nothing)
    }
}
