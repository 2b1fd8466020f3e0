//! `hydra dev` as a developer meets it: started before anything is built, reloading, ended with Ctrl-C.

use std::path::Path;

use anyhow::{Context, Result};
use hydra_tests::binary;
use hydra_tests::guest::Guest;
use hydra_tests::process::Process;

/// A running `hydra dev`.
struct Dev {
    process: Process,
    url: String,
}

impl Dev {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = binary::command()?;
        command.args(["dev", "app", "--http", "127.0.0.1:0"]).current_dir(folder);
        let mut process = Process::start(&mut command)?;
        let greeting = process.line_with("hydra dev at ")?;
        let url = greeting.trim_start_matches("hydra dev at ").split(';').next().context("its URL")?;
        Ok(Self { url: url.into(), process })
    }

    /// The next result with this in it.
    fn result(&mut self, part: &str) -> Result<String> {
        self.process.line_with(part)
    }

    /// The next note with this in it.
    fn note(&mut self, part: &str) -> Result<String> {
        self.process.note_with(part)
    }

    /// What an actor replies, as the number it counts.
    fn ask(&self, actor: &str) -> Result<u64> {
        let output = binary::command()?.args(["ask", actor, "count", "--url", &self.url]).output()?;
        let reply = output.stdout.as_slice().try_into();
        reply.map(u64::from_le_bytes).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Ends it as Ctrl-C does; its exit code.
    fn interrupt(mut self) -> Result<Option<i32>> {
        self.process.signal("INT")?;
        Ok(self.process.end()?.code())
    }
}

#[test]
fn what_is_built_later_is_deployed_and_what_is_built_again_is_reloaded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let app = folder.path().join("app");
    std::fs::create_dir(&app)?;
    let manifest = "kind = \"counter\"\ncomponent = \"out/counter.wasm\"\n[build]\ncommand = \"make it\"\n";
    std::fs::write(app.join("actor.toml"), manifest)?;
    let component = app.join("out/counter.wasm");

    let mut dev = Dev::start(folder.path())?;
    assert!(dev.note("not built")?.contains("make it"));
    assert!(dev.note("waiting for app/out/counter.wasm")?.contains("hydra build app"));
    std::fs::create_dir(app.join("out"))?;
    std::fs::write(&component, Guest::counter().build())?;
    dev.result("counter: version 1 ")?;
    assert_eq!(dev.ask("counter/alice")?, 1);
    dev.result("counter/alice count → replied")?;

    std::fs::write(&component, b"no component")?;
    dev.note("not deployed; the version before goes on")?;
    assert_eq!(dev.ask("counter/alice")?, 2);

    std::fs::write(&component, Guest::counter().text(4096, "rebuilt").build())?;
    dev.result("counter: version 2 ")?;
    assert_eq!(dev.ask("counter/alice")?, 3, "the state outlives a reload");

    std::fs::write(app.join("actor.toml"), format!("{manifest}[config]\nname = \"x\"\n"))?;
    dev.result("counter: version 3 ")?;
    assert_eq!(dev.interrupt()?, Some(0));
    Ok(())
}

#[test]
fn a_mistake_in_a_manifest_is_told_and_corrected_without_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let app = folder.path().join("app");
    std::fs::create_dir(&app)?;
    std::fs::write(app.join("actor.toml"), "component = \"my_counter.wasm\"\n")?;
    std::fs::write(app.join("my_counter.wasm"), Guest::counter().build())?;

    let mut dev = Dev::start(folder.path())?;
    dev.result("my-counter: version 1 ")?;
    std::fs::write(app.join("actor.toml"), "component = \"my_counter.wasm\"\ncolour = 1\n")?;
    dev.note("colour")?;
    std::fs::write(app.join("actor.toml"), "component = \"my_counter.wasm\"\nstate_version = 1\n")?;
    dev.result("my-counter: version 2 ")?;
    assert_eq!(dev.interrupt()?, Some(0));
    Ok(())
}
