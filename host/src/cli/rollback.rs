//! `hydra rollback KIND [DIGEST]`: an earlier version becomes current again.
//! Takes effect at each actor's next activation; state stays. Never deletes the version it leaves.

use anyhow::Result;
use clap::Args;
use hydra::http::view;
use hydra::id::Kind;
use hydra::registry::Deployed;
use reqwest::Method;

use super::api::Api;
use super::input;
use super::output::Output;

/// Make an earlier version of a kind current again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra rollback counter              to the version before\n  \
                  hydra rollback counter 3f2a1b       to the one whose digest begins so: hydra kind history counter")]
pub(super) struct Rollback {
    /// The kind
    #[arg(value_parser = input::parse_kind)]
    kind: Kind,
    /// Beginning of the version's digest [default: the version before the current one]
    digest: Option<String>,
}

impl Rollback {
    /// Switches back and says to what.
    ///
    /// # Errors
    /// The host does not answer, or has no such version.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let path = ["v1", "kinds", self.kind.as_str(), "rollback"];
        let request = api.request(Method::POST, &path).json(&view::Rollback { digest: self.digest });
        let deployed: Deployed = api.json(request).await?;
        let Deployed { kind, version, .. } = &deployed;
        let sentence = format!("{kind}: version {} ({}) is current again", version.number, version.digest);
        output.done(&deployed, &sentence)
    }
}
