//! The real binary carries a store from a folder to a server and back, and refuses what would lose something.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary::{self, Ran};
use hydra_tests::host::Host;
use hydra_tests::nats::NatsServer;
use serde_json::{Value, json};

use crate::host::start;

/// Runs a verb on a store; the folder is where it runs.
fn store(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    binary::run(binary::command()?.current_dir(folder).arg("store").args(arguments))
}

/// Runs a verb that must succeed, and reads what it tells programs.
fn told(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let ran = store(folder, &[arguments, &["--json"]].concat())?;
    ensure!(ran.code == Some(0), "{ran:?}");
    Ok(serde_json::from_str(&ran.stdout)?)
}

/// Runs a verb that must fail, saying all of this.
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) -> Result<()> {
    let ran = store(folder, arguments)?;
    ensure!(ran.code == Some(1) && ran.stdout.is_empty(), "{ran:?}");
    parts.iter().try_for_each(|part| {
        ensure!(ran.stderr.contains(part), "{part:?} is not in {ran:?}");
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_moves_to_a_server_and_back() -> Result<()> {
    let (folder, server) = (tempfile::tempdir()?, NatsServer::start()?);
    let (here, url) = (folder.path(), server.url());
    let data = here.join("store");
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    ensure!(host.reply("counter/alice/add", "5").await? == json!(5));
    let process = format!("process {}", host.id());
    refused(here, &["export", "a", "--data", "store"], &[&process])?;
    ensure!(host.terminate()?.code() == Some(0));
    let exported = told(here, &["export", "a", "--data", "store"])?;
    ensure!(exported["actors"] == json!(1) && exported["kinds"] == json!(1), "{exported}");
    refused(here, &["export", "a", "--data", "store"], &["is there already"])?;

    let imported = told(here, &["import", "a", "--nats", &url])?;
    ensure!(imported["digest"] == exported["digest"] && imported["incarnation"] == json!(2), "{imported}");
    refused(here, &["import", "a", "--nats", &url], &["has actors", "nats.system"])?;
    let host = start(&server)?;
    ensure!(host.reply("counter/alice/add", "2").await? == json!(7));
    refused(here, &["export", "b", "--nats", &url], &["hosts run on this store", "SIGTERM"])?;
    ensure!(host.terminate()?.code() == Some(0));
    let exported = told(here, &["export", "b", "--nats", &url])?;
    ensure!(exported["incarnation"] == json!(2), "{exported}");

    ensure!(told(here, &["import", "b", "--data", "back"])?["incarnation"] == json!(3));
    let host = Host::start(&here.join("back"), &[])?;
    ensure!(host.reply("counter/alice/add", "1").await? == json!(8));
    ensure!(host.json(&["actor", "show", "counter/alice"])?["cursor"].as_str().context("a cursor")?.contains(".3:"));
    Ok(())
}

#[test]
fn what_is_not_there_is_not_made() -> Result<()> {
    let (folder, server) = (tempfile::tempdir()?, NatsServer::start()?);
    let (here, url) = (folder.path(), server.url());
    refused(here, &["export", "a", "--data", "nowhere"], &["no store in nowhere"])?;
    refused(here, &["export", "a", "--nats", &url], &["no store in nats://", "system hydra, region local"])?;
    refused(here, &["export", "a", "--nats", &url], &["no store in nats://"])?;
    std::fs::write(here.join("cut"), b"HYDRAEXP\0\0\0\x01\0")?;
    refused(here, &["import", "cut", "--data", "nowhere"], &["cut is damaged at byte 12", "export again"])?;
    std::fs::write(here.join("other"), b"{}")?;
    refused(here, &["import", "other", "--data", "nowhere"], &["other is not an export"])?;
    refused(here, &["import", "missing", "--data", "nowhere"], &["missing"])?;
    ensure!(std::fs::read_dir(here)?.count() == 2, "nothing was made");
    Ok(())
}
