//! `hydra actor …`: look at actors, and act on one that is stuck.
//! Changes go through the actor's own mailbox, as a message that the host applies. Never touches a record.

use anyhow::Result;
use clap::{Args, Subcommand};
use hydra::http::view::{self, ActorStatus, Actors};
use hydra::id::{ActorId, Kind};
use reqwest::Method;

use super::api::{self, Api};
use super::output::{self, Output};
use super::{history, input};

/// List, show, trace back, delete, suspend, resume or skip
#[derive(Debug, Subcommand)]
pub(super) enum Actor {
    /// List actors, of one kind or of all
    Ls(List),
    /// Show one actor: its status, version, cursor and sizes
    Show(One),
    /// Show an actor's last turns: when, what, how they ended
    History(history::Whose),
    /// Forget an actor and its state
    Delete(One),
    /// Let an actor's messages wait until it is resumed
    Suspend(One),
    /// Let a suspended actor work again
    Resume(One),
    /// Make the message that an actor is stuck at a dead letter
    Skip(One),
}

/// Which actors.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Of this kind only
    #[arg(value_parser = input::parse_kind)]
    kind: Option<Kind>,
    /// Only those that are
    #[arg(long, value_parser = ["active", "suspended"])]
    status: Option<String>,
    /// Begin behind this place: what the page before named
    #[arg(long)]
    after: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Which actor.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
}

impl Actor {
    /// Does it.
    ///
    /// # Errors
    /// The host does not answer, or refuses.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        match self {
            Self::Ls(list) => list.run(api, output).await,
            Self::Show(one) => one.show(api, output).await,
            Self::History(whose) => whose.run(api, output).await,
            Self::Delete(one) => one.delete(api, output).await,
            Self::Suspend(one) => one.operate(api, output, "suspend", "suspended: its messages wait").await,
            Self::Resume(one) => one.operate(api, output, "resume", "resumed").await,
            Self::Skip(one) => one.operate(api, output, "skip", "skipped the message it was stuck at").await,
        }
    }
}

impl List {
    async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.kind.as_ref().map(|kind| ("kind", kind.to_string())));
        query.extend(self.status.clone().map(|status| ("status", status)));
        query.extend(self.after.clone().map(|after| ("after", after)));
        let page: Actors = api.get(&["v1", "actors"], &query).await?;
        if output.json {
            return output.value(&page);
        }
        output.list(&page.actors, &["actor", "status", "state", "committed"], |actor| {
            vec![actor.actor.to_string(), status(actor), state(actor), actor.committed.to_string()]
        })?;
        if let Some(next) = &page.next {
            let kind = self.kind.map(|kind| format!(" {kind}")).unwrap_or_default();
            let status = self.status.map(|status| format!(" --status {status}")).unwrap_or_default();
            output::note(&format!("more: hydra actor ls{kind}{status} --after {}", output::printable(next)));
        }
        Ok(())
    }
}

impl One {
    fn path<'a>(&'a self, before: &[&'a str]) -> Vec<&'a str> {
        let mut path = before.to_vec();
        path.extend([self.actor.kind().as_str(), self.actor.id()]);
        path
    }

    async fn show(self, api: &Api, output: &Output) -> Result<()> {
        let actor: view::Actor = api.get(&self.path(&["v1", "actors"]), &[]).await?;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let mut lines = vec![
            ("actor", output::printable(&actor.actor.to_string())),
            ("status", status(&actor)),
            ("state", state(&actor)),
            ("cursor", or_none(actor.cursor.clone())),
            ("version", or_none(actor.version.map(|digest| digest.to_string()))),
            ("committed", actor.committed.to_string()),
        ];
        if let Some(reason) = &actor.reason {
            lines.push(("reason", output::printable(&format!("{}: {}", reason.code, reason.text))));
        }
        output.record(&actor, &lines)
    }

    async fn delete(self, api: &Api, output: &Output) -> Result<()> {
        api.send(api.request(Method::DELETE, &self.path(&["v1", "actors"]))).await?;
        self.done(output, "delete", "deleted")
    }

    async fn operate(self, api: &Api, output: &Output, operation: &str, sentence: &str) -> Result<()> {
        let mut path = self.path(&["v1", "admin", "actors"]);
        path.push(operation);
        api.send(api.request(Method::POST, &path)).await?;
        self.done(output, operation, sentence)
    }

    fn done(&self, output: &Output, operation: &str, sentence: &str) -> Result<()> {
        let actor = output::printable(&self.actor.to_string());
        let done = serde_json::json!({ "actor": self.actor, "operation": operation });
        output.done(&done, &format!("{actor}: {sentence}"))
    }
}

fn status(actor: &view::Actor) -> String {
    match actor.status {
        ActorStatus::Active => "active".into(),
        ActorStatus::Suspended => "suspended".into(),
    }
}

fn state(actor: &view::Actor) -> String {
    let size = |bytes: usize| output::size(u64::try_from(bytes).unwrap_or(u64::MAX));
    actor.state_bytes.map_or_else(|| "none".into(), size)
}
