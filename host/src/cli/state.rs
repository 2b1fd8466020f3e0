//! `hydra state get|set|export`: an actor's bytes, exactly.
//! Reads the record's state; writes go through the actor's mailbox. Never decodes a byte.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use hydra::id::ActorId;
use reqwest::Method;

use super::api::{self, Api};
use super::input::Input;
use super::output::{self, Output};

/// Read or replace an actor's state, raw bytes in and out
#[derive(Debug, Subcommand)]
pub(super) enum State {
    /// Print an actor's state, byte for byte
    Get(Get),
    /// Replace an actor's state by these bytes
    Set(Set),
    /// Write an actor's state to a file
    Export(Export),
}

/// Whose state.
#[derive(Debug, Args)]
pub(super) struct Get {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
}

/// Whose state, and what it becomes.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
    /// The new state: text, @FILE, or - for standard input
    #[arg(allow_negative_numbers = true)]
    bytes: Input,
}

/// Whose state, and where it goes.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
    /// The file; an existing one is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl State {
    /// Reads or writes.
    ///
    /// # Errors
    /// The host does not answer or refuses; there is no state; the file cannot be written.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        match self {
            Self::Get(get) => {
                let bytes = read(api, &get.actor).await?;
                if !output.json {
                    return output::bytes(&bytes);
                }
                let state = output::bytes_value(&bytes);
                output.value(&serde_json::json!({ "actor": get.actor, "bytes": bytes.len(), "state": state }))
            }
            Self::Set(set) => {
                let bytes = set.bytes.read()?;
                let path = ["v1", "admin", "actors", set.actor.kind().as_str(), set.actor.id(), "state"];
                api.send(api.request(Method::PUT, &path).body(bytes.clone())).await?;
                done(output, &set.actor, bytes.len(), "are its state now")
            }
            Self::Export(export) => {
                let bytes = read(api, &export.actor).await?;
                let name = export.output.display().to_string();
                std::fs::write(&export.output, &bytes).with_context(|| format!("write {name}"))?;
                done(output, &export.actor, bytes.len(), &format!("written to {name}"))
            }
        }
    }
}

async fn read(api: &Api, actor: &ActorId) -> Result<bytes::Bytes> {
    api.bytes(api.request(Method::GET, &["v1", "actors", actor.kind().as_str(), actor.id(), "state"])).await
}

fn done(output: &Output, actor: &ActorId, bytes: usize, what: &str) -> Result<()> {
    let sentence = format!("{}: {bytes} bytes {what}", output::printable(&actor.to_string()));
    output.done(&serde_json::json!({ "actor": actor, "bytes": bytes }), &sentence)
}
