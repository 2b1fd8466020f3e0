//! What an author's language costs: the sample `counter` of each, from its build to its memory, beside a closure in Rust.
//!
//! Only the sandbox takes part: no store, no network. One message is `add 1`: the state is read, decoded, changed, encoded
//! and written, and a reply comes back. Times are the thread's own processor time (compiling: all of the process), so that
//! others on the machine do not show; each is the median of [`ROUNDS`]. Needs what `./just samples-all` builds.
#![allow(clippy::expect_used, reason = "a benchmark that cannot be set up says so and stops")]

#[path = "support/closure.rs"]
mod closure;
#[path = "support/native.rs"]
mod native;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hydra::config;
use hydra::manifest::Manifest;
use hydra::message::Message;
use hydra::wasm::{Handler, Input, Loaded, Sandbox};
use hydra_tests::turns::{input, message, state_after};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;

/// Languages, and the folder of each one's counter among the samples.
const COUNTERS: [(&str, &str); 6] = [
    ("Rust", "counter"),
    ("C", "counter-c"),
    ("JavaScript", "counter-js"),
    ("TypeScript", "counter-ts"),
    ("Go", "counter-go"),
    ("Python", "counter-py"),
];
const HEAD: &str = "| counter | component | build again | compile | load from cache | instance and first message \
                    | 8 an activation, each | a warm message | private memory | after 20,000 |";
/// Activations that are measured for each figure.
const ROUNDS: usize = 301;
/// Messages of an activation that is called warm: the figure is that of the last.
const WARM: usize = 50;
/// Activations that are held at once to see what one needs.
const HELD: u32 = 40;
/// Messages that one activation handles to see whether it grows.
const MANY: usize = 20_000;
/// More than any of these components has.
const COMPONENT_BYTES_MAX: usize = 64 << 20;

fn main() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    println!("{HEAD}\n{}", "|---".repeat(HEAD.matches(" | ").count() + 1) + "|");
    for (language, folder) in COUNTERS {
        runtime.block_on(row(language, folder));
    }
    let closure = closure::handler();
    let figures = runtime.block_on(Turns::measure(&*closure));
    println!("| closure in Rust | | | | | {figures} | | |");
}

/// Measures and prints one language.
async fn row(language: &str, folder: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-actors").join(folder);
    let (built, component) = build(&project);
    let text = fs::read_to_string(project.join("actor.toml")).expect("a manifest");
    let manifest = Arc::new(Manifest::parse(&text).expect("a valid manifest"));
    let component = Bytes::from(fs::read(component).expect("a component"));
    let size = component.len() as f64 / 1024.0;

    let cache = tempfile::tempdir().expect("a folder");
    let before = clock(ClockId::ProcessCPUTime);
    let compiled = load(cache.path(), &component, &manifest).await;
    let compiling = clock(ClockId::ProcessCPUTime) - before;
    assert!(!compiled.from_cache, "{folder} was compiled just now");
    let cached = load(cache.path(), &component, &manifest).await;
    assert!(cached.from_cache, "{folder} is in the cache");

    let figures = Turns::measure(&*cached.handler).await;
    let (private, grown) = memory(&*cached.handler).await;
    println!(
        "| {language} | {size:.0} KiB | {:.1} s | {:.2} s | {:.1} ms | {figures} | {private:.0} KiB | +{grown:.0} KiB |",
        built.as_secs_f64(),
        compiling.as_secs_f64(),
        cached.compile.as_secs_f64() * 1e3,
    );
}

/// Builds as an author does, and says where the component is; wall time, since a build is its tools' and not ours.
fn build(project: &Path) -> (Duration, PathBuf) {
    let started = Instant::now();
    let mut hydra = Command::new(env!("CARGO_BIN_EXE_hydra"));
    let done = hydra.arg("build").arg(project).arg("--json").stderr(Stdio::null()).output().expect("the binary");
    assert!(done.status.success(), "{} does not build: `just samples-all`", project.display());
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let component = told.get("component").and_then(serde_json::Value::as_str).expect("a path");
    (started.elapsed(), component.into())
}

async fn load(cache: &Path, component: &Bytes, manifest: &Arc<Manifest>) -> Loaded {
    let settings = config::Sandbox { instances_max: HELD * 2, ..config::Sandbox::default() };
    let sandbox = Sandbox::new(&settings, Some(cache.to_owned()), COMPONENT_BYTES_MAX).expect("a sandbox");
    sandbox.load(component.clone(), Arc::clone(manifest)).await.expect("a good component")
}

/// What turns of one handler cost; medians.
struct Turns {
    /// A new instance and its first message.
    first: Duration,
    /// Per message.
    of_eight: Duration,
    warm: Duration,
}

impl Turns {
    async fn measure(handler: &dyn Handler) -> Self {
        let message = message("add", b"1");
        let (mut first, mut warm, mut of_eight) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (time, _) = activation(handler, &message, 1).await;
            first.push(time);
            let (time, _) = activation(handler, &message, 8).await;
            of_eight.push(time / 8);
        }
        for _ in 0..ROUNDS / 10 {
            let (_, last) = activation(handler, &message, WARM).await;
            warm.push(last);
        }
        Self { first: median(first), warm: median(warm), of_eight: median(of_eight) }
    }
}

impl std::fmt::Display for Turns {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figure = |time: Duration| format!("{:.1} us ({:.0}/s)", time.as_secs_f64() * 1e6, 1.0 / time.as_secs_f64());
        let Self { first, of_eight, warm } = *self;
        write!(text, "{} | {} | {}", figure(first), figure(of_eight), figure(warm))
    }
}

/// One activation with so many messages, each over the state that the last one left: the time of all, and of the last.
async fn activation(handler: &dyn Handler, message: &Message, messages: usize) -> (Duration, Duration) {
    let started = clock(ClockId::ThreadCPUTime);
    let mut last = started;
    let mut instance = handler.instance(&message.to).await.expect("an instance");
    let mut state = None;
    for _ in 0..messages {
        last = clock(ClockId::ThreadCPUTime);
        let handled = instance.handle(Input { state: state.clone(), ..input(message) }).await;
        assert!(handled.result.is_ok(), "{:?}", handled.result);
        state = state_after(state, &handled);
    }
    drop(instance);
    let ended = clock(ClockId::ThreadCPUTime);
    (ended - started, ended - last)
}

/// KiB that only this process has, of one instance after its first message, and what one gains over [`MANY`].
async fn memory(handler: &dyn Handler) -> (f64, f64) {
    let message = message("add", b"1");
    let empty = private_kib();
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut instance = handler.instance(&message.to).await.expect("an instance");
        instance.handle(input(&message)).await.result.expect("a reply");
        held.push(instance);
    }
    let each = (private_kib() - empty) / f64::from(HELD);
    let instance = held.last_mut().expect("one of many");
    let (before, mut state) = (private_kib(), None);
    for _ in 0..MANY {
        let handled = instance.handle(Input { state: state.clone(), ..input(&message) }).await;
        state = state_after(state, &handled);
    }
    (each, private_kib() - before)
}

/// What the kernel counts as this process's alone.
fn private_kib() -> f64 {
    let account = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = account.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
