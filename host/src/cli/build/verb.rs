//! `hydra build`: runs an author's own build command, and makes a component of a core module.
//! Also the building of `hydra dev`. The command's output is shown as it comes, on standard error.
//! What was built before stays until the new component is complete.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::Args;
use hydra::wasm::Anatomy;
use serde::Serialize;
use tokio::process::Command;

use super::componentize;
use super::sources::{Sources, is_core_module};
use crate::cli::anatomy_line;
use crate::cli::component::Component;
use crate::cli::language;
use crate::cli::output::{self, Output};

/// Build a project's component
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra build\n  hydra build sample-actors/counter-go && hydra deploy sample-actors/counter-go\n\n\
                  Runs the command below [build] in actor.toml, in that folder. If `component` is then a core module, as\n\
                  compilers for Go and C make it, the component is written beside it as KIND.wasm.\n\
                  What a language's builds need: hydra doctor --lang go"
)]
pub(in crate::cli) struct Build {
    /// A folder with an actor.toml
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Take what was built before, if it was built of these very sources; a new compiler is no change
    #[arg(long)]
    if_changed: bool,
}

/// What was built.
#[derive(Debug, Serialize)]
struct Built {
    kind: String,
    component: PathBuf,
    size: usize,
    anatomy: Anatomy,
    warnings: Vec<String>,
}

impl Build {
    /// Builds it and says what came out.
    ///
    /// # Errors
    /// There is nothing to build, or the build fails: the text says what to install or where to look.
    pub(in crate::cli) async fn run(self, output: &Output) -> Result<()> {
        let component = Component::find(&self.path, None, None)?;
        let sources = Sources::of(&component)?;
        let component = match self.if_changed && sources.are_built(&component) {
            true => component,
            false => make(&component, &sources).await?,
        };
        let bytes = component.read()?;
        let anatomy = Anatomy::of(&bytes);
        let warnings = anatomy.warnings(component.manifest.limits.memory_bytes_max);
        for warning in &warnings {
            output::warning(warning);
        }
        let (kind, size) = (component.kind.to_string(), bytes.len());
        let shown = output::size(u64::try_from(size).unwrap_or(u64::MAX));
        let made_of = anatomy_line::indented(&anatomy);
        let told = format!("{kind}: built {}, {shown}{made_of}", component.wasm.display());
        output.done(&Built { kind, component: component.wasm, size, anatomy, warnings }, &told)
    }
}

/// Runs the build command, and leaves a component: the one that is then to be deployed. `sources` are those before it ran.
///
/// # Errors
/// There is no command, it fails, or what it leaves is no actor. What was built before is still there, if the command left it.
pub(in crate::cli) async fn make(component: &Component, sources: &Sources) -> Result<Component> {
    let Some(command) = &component.manifest.build.command else {
        bail!("{} says not how it is built: add command = \"…\" below [build] in its actor.toml", component.kind);
    };
    run(command, &component.folder).await?;
    if !component.output.is_file() {
        bail!("`{command}` ended well, but left no {}: correct component = in actor.toml", component.output.display());
    }
    if is_core_module(&component.output) {
        let (core, wasm) = (component.output.clone(), component.beside_core());
        tokio::task::spawn_blocking(move || wrap(&core, &wasm)).await.context("make a component")??;
    }
    let built = component.again();
    sources.remember(&built)?;
    Ok(built)
}

async fn run(command: &str, folder: &Path) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(here(folder)).stdin(Stdio::null()).kill_on_drop(true);
    shell.stdout(std::io::stderr()).stderr(Stdio::inherit());
    let ended = shell.status().await.with_context(|| format!("run `{command}`"))?;
    if ended.success() {
        return Ok(());
    }
    let missing = language::of_folder(here(folder)).map(language::missing).unwrap_or_default();
    let cures: Vec<String> = missing.iter().map(|cure| format!("\n  {cure}")).collect();
    bail!("`{command}` in {} ended with {ended}{}", here(folder).display(), cures.concat())
}

/// An empty path is this folder.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Writes a core module's component, complete or not at all.
fn wrap(core: &Path, wasm: &Path) -> Result<()> {
    let module = std::fs::read(core).with_context(|| format!("read {}", core.display()))?;
    let component = componentize::component(module)?;
    let unfinished = wasm.with_extension("wasm.part");
    std::fs::write(&unfinished, component).with_context(|| format!("write {}", unfinished.display()))?;
    std::fs::rename(&unfinished, wasm).with_context(|| format!("write {}", wasm.display()))
}
