//! `hydra endpoint ls`: the places outside that actors may call, and whether calls reach them.
//! Asks a host over HTTP. Never changes anything: endpoints are settings of the host.

use anyhow::Result;
use clap::Subcommand;
use hydra::connector::{State, Status};
use hydra::http::view::Endpoints;

use super::api::Api;
use super::output::Output;

/// See the places outside that actors may call
#[derive(Debug, Subcommand)]
pub(super) enum Endpoint {
    /// List the host's endpoints, with calls in work and whether the host leaves them in peace
    Ls,
}

impl Endpoint {
    /// Shows them.
    ///
    /// # Errors
    /// The host does not answer.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let Self::Ls = self;
        let Endpoints { endpoints } = api.get(&["v1", "endpoints"], &[]).await?;
        output.list(&endpoints, &["endpoint", "origin", "breaker", "failures", "calls"], row)
    }
}

fn row(endpoint: &Status) -> Vec<String> {
    let breaker = match endpoint.breaker {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half-open",
    };
    vec![
        endpoint.name.clone(),
        endpoint.origin.clone(),
        breaker.into(),
        endpoint.failures.to_string(),
        format!("{} of {}", endpoint.calls, endpoint.calls_max),
    ]
}
