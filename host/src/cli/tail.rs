//! `hydra tail`: what happens in a host, as it happens.
//! Follows `GET /v1/events`: best effort, from now on. Never sees a body or state.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use hydra::events::Event;
use hydra::id::{ActorId, Kind};
use reqwest::Method;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::io::StreamReader;

use super::api::{self, Api};
use super::output::{self, Output};
use super::{event_lines, input};

/// Longest a tail runs: for ever, as far as anybody will notice.
const TAIL_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

/// Follow messages and log lines
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra tail\n  hydra tail --kind counter\n  hydra tail --actor counter/alice --json | jq .outcome"
)]
pub(super) struct Tail {
    /// Only actors of this kind
    #[arg(long, value_parser = input::parse_kind)]
    kind: Option<Kind>,
    /// Only this actor
    #[arg(long, value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: Option<ActorId>,
}

impl Tail {
    /// Prints events until the host ends.
    ///
    /// # Errors
    /// The host does not answer, or ended.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let mut query = Vec::new();
        query.extend(self.kind.map(|kind| ("kind", kind.to_string())));
        query.extend(self.actor.map(|actor| ("actor", actor.to_string())));
        let request = api.request(Method::GET, &["v1", "events"]).query(&query).timeout(TAIL_TIMEOUT);
        let stream = api.send(request).await?.bytes_stream().map_err(std::io::Error::other);
        let mut lines = BufReader::new(StreamReader::new(stream)).lines();
        while let Some(line) = lines.next_line().await.context("the host ended or the connection broke")? {
            // An empty line is a heartbeat; an event that this version does not know is not for us.
            let Ok(event) = serde_json::from_str::<Event>(&line) else { continue };
            if output.json {
                output.value(&event)?;
            } else {
                output::text(&event_lines::line(&event))?;
            }
        }
        bail!("the host ended: start it again with `hydra dev`")
    }
}
