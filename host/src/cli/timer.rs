//! `hydra timer …`: what is to come, and how to end it.
//! Cancelling goes through the actor's own mailbox, as a message that the host applies. Never touches a record.

use anyhow::Result;
use clap::{Args, Subcommand};
use hydra::http::view::{self, Timers, TimersOf};
use hydra::id::{ActorId, Kind};
use hydra::timer::Missed;
use reqwest::Method;

use super::api::{self, Api};
use super::input;
use super::output::{self, Output};

/// List, show or cancel timers
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  hydra timer ls reminder\n  hydra timer show reminder/alice\n  \
                  hydra timer cancel reminder/alice tea")]
pub(super) enum Timer {
    /// List timers, of one kind or of all
    Ls(List),
    /// Show an actor's timers, or one of them
    Show(Show),
    /// End a timer: it fires no more
    Cancel(Cancel),
}

/// Whose timers.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this kind only
    #[arg(value_parser = input::parse_kind)]
    kind: Option<Kind>,
    /// Begin behind this place: what the page before named
    #[arg(long)]
    after: Option<String>,
    /// Of at most so many actors
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Whose, and which.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
    /// The timer's name
    name: Option<String>,
}

/// Which one.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
    /// The timer's name
    name: String,
}

impl Timer {
    /// Does it.
    ///
    /// # Errors
    /// The host does not answer, or has no such timer.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        match self {
            Self::Ls(list) => list.run(api, output).await,
            Self::Show(show) => show.run(api, output).await,
            Self::Cancel(cancel) => cancel.run(api, output).await,
        }
    }
}

impl List {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.kind.as_ref().map(|kind| ("kind", kind.to_string())));
        query.extend(self.after.clone().map(|after| ("after", after)));
        let page: Timers = api.get(&["v1", "timers"], &query).await?;
        if output.json {
            return output.value(&page);
        }
        table(output, &page.timers)?;
        if let Some(next) = &page.next {
            let kind = self.kind.map(|kind| format!(" {kind}")).unwrap_or_default();
            output::note(&format!("more: hydra timer ls{kind} --after {}", output::printable(next)));
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let mut path = vec!["v1", "timers", self.actor.kind().as_str(), self.actor.id()];
        if let Some(name) = &self.name {
            path.push(name);
            let timer: view::Timer = api.get(&path, &[]).await?;
            return output.record(&timer, &lines(&timer));
        }
        let all: TimersOf = api.get(&path, &[]).await?;
        if output.json {
            return output.value(&all);
        }
        table(output, &all.timers)?;
        if all.requests > 0 {
            output::note(&format!("it also waits for the answers to {} requests", all.requests));
        }
        Ok(())
    }
}

impl Cancel {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let path = ["v1", "timers", self.actor.kind().as_str(), self.actor.id(), &self.name];
        api.send(api.request(Method::DELETE, &path)).await?;
        let done = serde_json::json!({ "actor": self.actor, "cancelled": self.name });
        let (actor, name) = (output::printable(&self.actor.to_string()), output::printable(&self.name));
        output.done(&done, &format!("{actor}: cancelled {name}"))
    }
}

fn table(output: &Output, timers: &[view::Timer]) -> Result<()> {
    output.list(timers, &["actor", "name", "schedule", "due", "missed", "body"], |timer| {
        lines(timer).into_iter().map(|(_, text)| text).collect()
    })
}

fn lines(timer: &view::Timer) -> Vec<(&'static str, String)> {
    let missed = match timer.missed {
        Missed::FireOnce => "fire-once",
        Missed::Skip => "skip",
    };
    vec![
        ("actor", output::printable(&timer.actor.to_string())),
        ("name", output::printable(&timer.name)),
        ("schedule", output::printable(&timer.schedule)),
        ("due", timer.due.to_string()),
        ("missed", missed.into()),
        ("body", output::size(u64::try_from(timer.body_bytes).unwrap_or(u64::MAX))),
    ]
}
