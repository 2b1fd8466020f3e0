//! `hydra deploy`: uploads a component, waits while the host checks and compiles it, and says what became of it.
//! Talks to `POST /v1/kinds/{kind}/versions`. Never checks a component itself: what the host refuses, it explains.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use hydra::id::Kind;
use hydra::registry::Deployed;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};

use super::anatomy_line;
use super::api::Api;
use super::build::Sources;
use super::component::Component;
use super::output::{self, Output};

/// Bytes of one step of the upload.
const CHUNK_BYTES: usize = 64 << 10;
/// Longest that an upload and its compilation may take together: an hour to compile is the most a host can be set to.
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(2 * 3_600);
/// How often the spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// Upload a component; it becomes its kind's current version
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra deploy counter.wasm --kind counter\n  hydra deploy sample-actors/counter\n\n\
                  Deploys what is built: hydra build, or your own tools. Every deploy is kept as a version:\n\
                  hydra kind history KIND, hydra rollback KIND."
)]
pub(super) struct Deploy {
    /// A .wasm, or a folder with an actor.toml
    path: PathBuf,
    /// Whose messages it handles [default: as the manifest says, else the file's name]
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
    /// The manifest: settings, grants, limits [default: actor.toml in the folder; for a .wasm none]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// A kind that can be deployed: not one of the host's own.
pub(super) fn parse_kind(text: &str) -> Result<Kind, String> {
    Kind::from_outside(text).map_err(|error| error.to_string())
}

impl Deploy {
    /// Uploads it and prints the version.
    ///
    /// # Errors
    /// There is no such component, the host does not answer, or it refuses the component.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let component = Component::find(&self.path, self.kind.as_ref(), self.manifest.as_deref())?;
        let bytes = component.read()?;
        // Whoever names a file means it, whatever it was built of.
        let is_project = component.wasm != self.path;
        if is_project && Sources::of(&component).is_ok_and(|sources| sources.are_newer(&component)) {
            let Component { kind, .. } = &component;
            bail!("{kind}: its sources have changed since it was built: {} first", component.how_to_build());
        }
        let progress = Progress::new(bytes.len());
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let body = Part::stream_with_length(upload(bytes, progress.clone()), size);
        let manifest = Part::text(component.manifest_text.clone()).mime_str("application/toml")?;
        let form = Form::new().part("manifest", manifest).part("component", body.mime_str("application/wasm")?);
        let path = ["v1", "kinds", component.kind.as_str(), "versions"];
        let request = api.request(Method::POST, &path).multipart(form).timeout(DEPLOY_TIMEOUT);
        let deployed: Result<Deployed> = api.json(request).await;
        progress.bar.finish_and_clear();
        let deployed = deployed?;
        for warning in &deployed.warnings {
            output::warning(warning);
        }
        output.done(&deployed, &sentence(&deployed))
    }
}

/// What a deploy did, for people: for `hydra deploy` and `hydra dev`.
pub(super) fn sentence(deployed: &Deployed) -> String {
    let Deployed { kind, version, unchanged, compile_ms, instance_us, anatomy, .. } = deployed;
    let (number, digest, size) = (version.number, version.digest, output::size(version.size));
    if *unchanged {
        return format!("{kind}: version {number} ({digest}) is current already");
    }
    let compiled = match compile_ms {
        0 => "compiled before".into(),
        ms => format!("compiled in {ms} ms"),
    };
    let made_of = anatomy_line::indented(anatomy);
    format!("{kind}: version {number} ({digest}), {size}, {compiled}, an instance takes {instance_us} µs{made_of}")
}

/// A bar while bytes travel, a spinner while the host compiles; nothing when nobody watches.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(bytes: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(bytes).unwrap_or(u64::MAX));
        bar.set_style(style("uploading {bar:30} {binary_bytes} of {binary_total_bytes}"));
        Self { bar }
    }

    fn sent(&self, bytes: usize) {
        self.bar.inc(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.bar.length().is_some_and(|total| self.bar.position() >= total) {
            self.bar.set_style(style("{spinner} checking and compiling, {elapsed}"));
            self.bar.enable_steady_tick(SPINNER_TICK);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The bytes in steps, each counted when it is taken.
fn upload(bytes: Bytes, progress: Progress) -> Body {
    let chunks = stream::unfold((bytes, progress), |(mut rest, progress)| async move {
        if rest.is_empty() {
            return None;
        }
        let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
        progress.sent(chunk.len());
        Some((Ok::<_, std::io::Error>(chunk), (rest, progress)))
    });
    Body::wrap_stream(chunks)
}

#[cfg(test)]
mod tests {
    use hydra::clock::Time;
    use hydra::digest::Digest;
    use hydra::registry::Version;

    use super::*;

    #[test]
    fn a_deploy_is_told_in_a_sentence() {
        let version = Version {
            number: 3,
            digest: Digest::of(b"x"),
            size: 62_669,
            deployed: Time(0),
            manifest: hydra::manifest::Manifest::default(),
            description: None,
        };
        let kind = Kind::new("counter").unwrap();
        let (warnings, anatomy) = (Vec::new(), hydra::wasm::Anatomy::default());
        let mut deployed =
            Deployed { kind, version, unchanged: false, compile_ms: 82, instance_us: 21, warnings, anatomy };
        let told = sentence(&deployed);
        assert!(told.starts_with("counter: version 3 (sha256:2d711642b726b04"), "{told}");
        assert!(told.contains("), 61.20 KiB, compiled in 82 ms, an instance takes 21 µs\n"), "{told}");
        deployed.unchanged = true;
        assert!(sentence(&deployed).ends_with("is current already"));
    }
}
