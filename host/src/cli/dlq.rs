//! `hydra dlq …`: messages that could not be handled, kept for a human with the reason.
//! Pages through them over HTTP. Never decides that a message is a dead letter: the host does.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hydra::deadletter::DeadLetter;
use hydra::http::view::DeadLetters;
use hydra::id::{Kind, Seq};
use reqwest::Method;

use super::api::Api;
use super::input;
use super::output::{self, Output};

/// Dead letters of one request.
const PAGE: usize = 100;

/// List, show, replay or drop dead letters
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  hydra dlq ls --kind counter\n  hydra dlq show 3a.1:17\n  hydra dlq show 3a.1:17 --body > body\n  \
                  hydra dlq replay 3a.1:17\n  hydra dlq drop --all --kind counter --yes"
)]
pub(super) enum Dlq {
    /// List dead letters, oldest first
    Ls(List),
    /// Show one: why, how often it was tried, and the guest's stack
    Show(Show),
    /// Put messages into their actors' mailboxes again
    Replay(Many),
    /// Forget dead letters
    Drop(Many),
}

/// Which page.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this kind only
    #[arg(long, value_parser = input::parse_kind)]
    kind: Option<Kind>,
    /// Begin behind this place: what the page before named
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Which one.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The dead letter, for example 3a.1:17
    id: String,
    /// Print the message's body instead, byte for byte
    #[arg(long)]
    body: bool,
}

/// Some or all.
#[derive(Debug, Args)]
pub(super) struct Many {
    /// The dead letters
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All of them; with --kind all of that kind
    #[arg(long, requires = "yes")]
    all: bool,
    /// Of this kind only
    #[arg(long, requires = "all", value_parser = input::parse_kind)]
    kind: Option<Kind>,
    /// Yes, all of them
    #[arg(long)]
    yes: bool,
}

impl Dlq {
    /// Does it.
    ///
    /// # Errors
    /// The host does not answer, or has no such dead letter.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        match self {
            Self::Ls(list) => list.run(api, output).await,
            Self::Show(show) => show.run(api, output).await,
            Self::Replay(many) => many.each(api, output, Action::Replay).await,
            Self::Drop(many) => many.each(api, output, Action::Drop).await,
        }
    }
}

impl List {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let limit = usize::try_from(self.limit).unwrap_or(PAGE);
        let page = page(api, self.kind.as_ref(), Seq(self.after), limit).await?;
        if output.json {
            return output.value(&page);
        }
        output.list(&page.dead_letters, &["id", "actor", "subject", "time", "tries", "reason", "text"], |letter| {
            vec![
                letter.id.clone(),
                letter.actor.to_string(),
                letter.subject.clone(),
                letter.time.to_string(),
                letter.attempts.to_string(),
                letter.reason.clone(),
                letter.text.lines().next().unwrap_or_default().into(),
            ]
        })?;
        if let Some(next) = page.next {
            let kind = self.kind.map(|kind| format!(" --kind {kind}")).unwrap_or_default();
            output::note(&format!("more: hydra dlq ls{kind} --after {next}"));
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        if self.body {
            let path = ["v1", "dead-letters", &self.id, "body"];
            return output::bytes(&api.bytes(api.request(Method::GET, &path)).await?);
        }
        let letter: DeadLetter = api.get(&["v1", "dead-letters", &self.id], &[]).await?;
        let mut lines = vec![
            ("id", letter.id.clone()),
            ("actor", output::printable(&letter.actor.to_string())),
            ("subject", output::printable(&letter.subject)),
            ("message", output::printable(&letter.message)),
            ("sender", output::printable(letter.sender.as_deref().unwrap_or("outside"))),
            ("time", letter.time.to_string()),
            ("attempts", letter.attempts.to_string()),
            ("body", output::size(u64::try_from(letter.body_bytes).unwrap_or(u64::MAX))),
            ("reason", output::printable(&letter.reason)),
            ("text", output::printable(&letter.text)),
        ];
        if !letter.backtrace.is_empty() {
            lines.push(("backtrace", output::printable(letter.backtrace.trim_end())));
        }
        output.record(&letter, &lines)
    }
}

#[derive(Clone, Copy)]
enum Action {
    Replay,
    Drop,
}

impl Many {
    async fn each(self, api: &Api, output: &Output, action: Action) -> Result<()> {
        let mut done = 0_u64;
        let (mut ids, mut after) = (self.ids, Seq(0));
        loop {
            if self.all {
                // Those behind the last one only: what a replay makes a dead letter again is left for the next time.
                let page = page(api, self.kind.as_ref(), after, PAGE).await?;
                after = page.dead_letters.last().map_or(after, |last| last.seq);
                ids = page.dead_letters.into_iter().map(|letter| letter.id).collect();
            }
            for id in &ids {
                action.run(api, id).await?;
                done += 1;
            }
            if !self.all || ids.is_empty() {
                break;
            }
        }
        if done == 0 {
            bail!("there are no such dead letters: hydra dlq ls");
        }
        let what = action.past();
        output.done(&serde_json::json!({ what: done }), &format!("{done} {what}"))
    }
}

impl Action {
    async fn run(self, api: &Api, id: &str) -> Result<()> {
        let request = match self {
            Self::Replay => api.request(Method::POST, &["v1", "dead-letters", id, "replay"]),
            Self::Drop => api.request(Method::DELETE, &["v1", "dead-letters", id]),
        };
        api.send(request).await.map(drop)
    }

    fn past(self) -> &'static str {
        match self {
            Self::Replay => "replayed",
            Self::Drop => "dropped",
        }
    }
}

async fn page(api: &Api, kind: Option<&Kind>, after: Seq, limit: usize) -> Result<DeadLetters> {
    let mut query = vec![("after", after.to_string()), ("limit", limit.to_string())];
    query.extend(kind.map(|kind| ("kind", kind.to_string())));
    api.get(&["v1", "dead-letters"], &query).await
}
