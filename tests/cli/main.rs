//! The command line without a host: help, usage, settings, and what is said when nobody answers; in `dev` and `scenarios`,
//! the two verbs that bring their own. Runs the real binary. What a verb does with a host is tested in `e2e`.

mod dev;
mod scenarios;

use std::path::Path;

use anyhow::Result;
use hydra_tests::binary::{self, Ran};
use hydra_tests::guest::Guest;

/// A port that nobody listens on: reserved, and refused at once on loopback.
const NOBODY: &str = "http://127.0.0.1:1";

const VERBS: [&str; 22] = [
    "dev",
    "host",
    "new",
    "build",
    "test",
    "deploy",
    "rollback",
    "kind",
    "send",
    "ask",
    "actor",
    "state",
    "tail",
    "dlq",
    "source",
    "endpoint",
    "config",
    "store",
    "doctor",
    "top",
    "bench",
    "completions",
];

fn hydra_in(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    binary::run(binary::command()?.current_dir(folder).args(arguments))
}

fn hydra(arguments: &[&str]) -> Result<Ran> {
    hydra_in(&std::env::temp_dir(), arguments)
}

#[test]
fn help_explains_every_verb() -> Result<()> {
    let help = hydra(&["--help"])?;
    assert_eq!(help.code, Some(0));
    for verb in VERBS {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "--help does not mention {verb}");
        let of_verb = hydra(&[verb, "--help"])?;
        assert_eq!(of_verb.code, Some(0), "{verb} --help");
        assert!(of_verb.stdout.contains("Usage: hydra"), "{verb} --help");
    }
    assert!(!help.stdout.contains('\u{1b}'), "help is coloured though nobody looks");
    Ok(())
}

#[test]
fn wrong_usage_exits_with_2_and_says_how_to_write_it() -> Result<()> {
    for (arguments, told) in [
        (&[][..], "Usage"),
        (&["fly"], "unrecognized subcommand"),
        (&["ask", "counter", "add"], "KIND/ID"),
        (&["ask", "Counter/a", "add"], "lower-case"),
        (&["ask", "counter/..", "add"], "another id"),
        (&["ask", "counter/a", "a b"], "subject"),
        (&["ask", "counter/a", "add", "@"], "@body.json"),
        (&["ask", "counter/a", "add", "--timeout", "5"], "500ms"),
        (&["ask", "counter/a", "add", "--header", "Host:x"], "travel"),
        (&["actor", "ls", "--url", "127.0.0.1:8420"], "http://127.0.0.1:8420"),
        (&["dlq", "drop"], "ID"),
        (&["dlq", "drop", "--all"], "--yes"),
        (&["new", "x"], "--lang"),
        (&["bench", "--callers", "0"], "1..=16384"),
        (&["deploy", "x.wasm", "--kind", "sys-http"], "host's own"),
    ] {
        let ran = hydra(arguments)?;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    Ok(())
}

#[test]
fn when_no_host_answers_the_next_step_is_told() -> Result<()> {
    for verb in [
        &["send", "counter/a", "add", "5"][..],
        &["ask", "counter/a", "get"],
        &["actor", "ls"],
        &["actor", "show", "counter/a"],
        &["actor", "suspend", "counter/a"],
        &["state", "get", "counter/a"],
        &["kind", "ls"],
        &["kind", "history", "counter"],
        &["rollback", "counter"],
        &["dlq", "ls"],
        &["source", "ls"],
        &["endpoint", "ls"],
        &["dlq", "drop", "--all", "--yes"],
        &["tail"],
        &["top"],
        &["bench"],
    ] {
        let ran = hydra(&[verb, &["--url", NOBODY]].concat())?;
        assert_eq!(ran.code, Some(1), "{verb:?}: {}", ran.stderr);
        let told = format!("error: no host answers at {NOBODY}: start one with `hydra dev` or set --url\n");
        assert_eq!(ran.stderr, told, "{verb:?}");
        assert_eq!(ran.stdout, "", "{verb:?}");
    }
    Ok(())
}

#[test]
fn the_doctor_tells_every_finding_with_its_cure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ran = hydra_in(folder.path(), &["doctor", "--json", "--url", NOBODY])?;
    assert_eq!(ran.code, Some(1));
    let findings: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout)?;
    let of = |what: &str| findings.iter().find(|finding| finding["what"] == what).unwrap();
    assert_eq!(of("host")["verdict"], "fail");
    assert!(of("host")["cure"].as_str().unwrap().contains("hydra dev"));
    for what in ["settings", "open files", "store", "rights", "disk", "durability"] {
        assert_ne!(of(what)["verdict"], "fail", "{what}");
    }
    Ok(())
}

#[test]
fn the_doctor_tells_what_a_language_needs() -> Result<()> {
    let ran = hydra(&["doctor", "--lang", "rust", "--json"])?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let findings: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout)?;
    assert!(findings.iter().any(|finding| finding["what"] == "wasm32-wasip2" && finding["verdict"] == "ok"));

    let folder = tempfile::tempdir()?;
    let mut command = nothing_installed(folder.path())?;
    let ran = binary::run(command.args(["doctor", "--lang", "go"]))?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("FAIL go: not found") && ran.stdout.contains("go.dev"), "{}", ran.stdout);
    Ok(())
}

#[test]
fn a_build_that_fails_says_what_to_install() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (language, cure) in [("go", "https://go.dev/dl/"), ("c", "pip install ziglang")] {
        let made = hydra_in(folder.path(), &["new", "--lang", language, &format!("my-{language}")])?;
        assert_eq!(made.code, Some(0), "{made:?}");
        let mut command = nothing_installed(folder.path())?;
        let ran = binary::run(command.args(["build", &format!("my-{language}")]).current_dir(folder.path()))?;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(cure), "{}", ran.stderr);
    }
    Ok(())
}

/// The binary where no tool is to be found but a shell and what its scripts need.
fn nothing_installed(folder: &Path) -> Result<std::process::Command> {
    let tools = folder.join("tools");
    std::fs::create_dir_all(&tools)?;
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    for name in ["sh", "dirname", "mkdir"] {
        let mut places = std::env::split_paths(&search_path).map(|path| path.join(name));
        let Some(found) = places.find(|path| path.is_file()) else { continue };
        if !tools.join(name).exists() {
            std::os::unix::fs::symlink(found, tools.join(name))?;
        }
    }
    let mut command = binary::command()?;
    command.env("PATH", tools);
    Ok(command)
}

#[test]
fn what_a_build_leaves_is_a_component_or_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let build = |manifest: &str| -> Result<Ran> {
        std::fs::write(folder.path().join("actor.toml"), format!("kind = \"x\"\n{manifest}"))?;
        hydra_in(folder.path(), &["build"])
    };
    for (manifest, told) in [
        ("component = \"x.wasm\"", "[build]"),
        ("component = \"x.wasm\"\n[build]\ncommand = \"true\"", "left no"),
        ("component = \"x.wasm\"\n[build]\ncommand = \"echo once; echo why >&2; exit 3\"", "exit status: 3"),
        (
            "component = \"core.wasm\"\n[build]\ncommand = \"printf '\\\\000asm\\\\001\\\\000\\\\000\\\\000' > core.wasm\"",
            "core module",
        ),
    ] {
        let ran = build(manifest)?;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(!folder.path().join("x.wasm").exists(), "no half of a component");
    Ok(())
}

#[test]
fn what_has_not_changed_is_not_built_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = "kind = \"x\"\ncomponent = \"x.wasm\"\n[build]\ncommand = \"echo built >&2; cp x.txt x.wasm\"\n";
    std::fs::write(folder.path().join("actor.toml"), manifest)?;
    std::fs::write(folder.path().join("x.txt"), Guest::counter().build())?;
    let is_built = |arguments: &[&str]| -> Result<bool> {
        let ran = hydra_in(folder.path(), arguments)?;
        assert_eq!((ran.code, ran.stdout.starts_with("x: built ")), (Some(0), true), "{ran:?}");
        Ok(ran.stderr.contains("built\n"))
    };
    assert!(is_built(&["build", "--if-changed"])?);
    assert!(!is_built(&["build", "--if-changed"])?);
    assert!(is_built(&["build"])?, "whoever does not say otherwise means it");
    std::fs::write(folder.path().join("other.txt"), "new")?;
    assert!(is_built(&["build", "--if-changed"])?);
    Ok(())
}

#[test]
fn a_component_that_is_not_there_is_told_with_how_to_build_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = "kind = \"counter\"\ncomponent = \"counter.wasm\"\n[build]\ncommand = \"make it\"\n";
    std::fs::write(folder.path().join("actor.toml"), manifest)?;
    let ran = hydra_in(folder.path(), &["deploy", "."])?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("hydra build ."), "{}", ran.stderr);
    let ran = hydra_in(folder.path(), &["dev", "nothing.txt"])?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nothing.txt does not exist"), "{}", ran.stderr);
    assert!(!folder.path().join(".hydra").exists(), "a store was made for nothing");
    Ok(())
}

#[test]
fn a_token_is_never_printed() -> Result<()> {
    let secret = "geheim\u{e9}geheim";
    let ran = hydra(&["actor", "ls", "--url", NOBODY, "--token", secret])?;
    assert_eq!(ran.code, Some(1));
    assert!(!ran.stderr.contains("geheim"), "{}", ran.stderr);
    let mut command = binary::command()?;
    let shown =
        binary::run(command.env("HYDRA_HTTP_TOKEN", "a-very-secret-token").args(["config", "show", "--origin"]))?;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(!shown.stdout.contains("secret"), "{}", shown.stdout);
    assert!(shown.stdout.contains("HYDRA_HTTP_TOKEN"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn a_check_of_the_settings_tells_every_mistake() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hydra.toml"), "[store]\ndri = \"x\"\nretention_s = \"long\"\n")?;
    let ran = hydra_in(folder.path(), &["config", "check"])?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("unknown key store.dri in hydra.toml: did you mean store.dir?"), "{}", ran.stdout);
    assert!(ran.stdout.contains("store.retention_s in hydra.toml"), "{}", ran.stdout);
    let started = hydra_in(folder.path(), &["host"])?;
    assert_eq!(started.code, Some(1));
    assert!(started.stderr.contains("store.dri") && started.stderr.ends_with("next: hydra config check\n"));

    std::fs::write(folder.path().join("hydra.toml"), "[store]\nbuckets = 4\n")?;
    let ran = hydra_in(folder.path(), &["config", "check"])?;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "the settings are right\n"));
    let ran = hydra_in(folder.path(), &["config", "check", "--config", "none.toml"])?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("none.toml"), "{}", ran.stdout);
    Ok(())
}

#[test]
fn a_flag_that_the_store_has_no_use_for_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hydra.toml"), "[nats]\nurls = [\"nats://127.0.0.1:1\"]\n")?;
    for flag in [["--data", "x"], ["--durability", "os"]] {
        let ran = hydra_in(folder.path(), &["host", flag[0], flag[1]])?;
        assert_eq!(ran.code, Some(1));
        let told = format!("{} is for a store in a folder, and nats.urls names servers", flag[0]);
        assert!(ran.stderr.contains(&told) && ran.stderr.ends_with("next: hydra config show\n"), "{}", ran.stderr);
    }
    Ok(())
}

#[test]
fn settings_are_shown_with_their_origin() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hydra.toml"), "[store]\nbuckets = 4\nretention_s = 90\n")?;
    let mut command = binary::command()?;
    command.current_dir(folder.path()).env("HYDRA_STORE_RETENTION_S", "120");
    let ran = binary::run(command.args(["config", "show", "--origin", "--json", "--data", "x"]))?;
    let settings: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout)?;
    let of = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
    for (key, value, origin) in [
        ("store.dir", serde_json::json!("x"), "--data"),
        ("store.retention_s", serde_json::json!(120), "HYDRA_STORE_RETENTION_S"),
        ("store.buckets", serde_json::json!(4), "hydra.toml"),
        ("store.durability", serde_json::json!("fsync"), "default"),
    ] {
        assert_eq!((&of(key)["value"], &of(key)["origin"]), (&value, &serde_json::json!(origin)), "{key}");
    }
    Ok(())
}

#[test]
fn every_shell_gets_its_completions() -> Result<()> {
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef hydra"), ("fish", "complete -c hydra")] {
        let ran = hydra(&["completions", shell])?;
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains(sign), "{shell}");
        assert!(ran.stdout.contains("rollback"), "{shell}");
    }
    Ok(())
}

#[test]
fn a_new_project_needs_a_name_that_can_be_a_kind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused = hydra_in(folder.path(), &["new", "--lang", "rust", "My_Actor"])?;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("lower-case"), "{}", refused.stderr);
    let made = hydra_in(folder.path(), &["new", "--lang", "rust", "my-actor"])?;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(folder.path().join("my-actor/hydra-sdk").is_dir());
    assert_eq!(hydra_in(folder.path(), &["new", "--lang", "rust", "my-actor"])?.code, Some(1));
    Ok(())
}

#[test]
fn the_reference_names_every_verb_and_every_setting() -> Result<()> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    let verbs = std::fs::read_to_string(reference.join("cli.md"))?;
    for verb in VERBS {
        assert!(verbs.contains(&format!("`hydra {verb}")), "cli.md does not mention {verb}");
    }
    let keys = std::fs::read_to_string(reference.join("config.md"))?;
    let folder = tempfile::tempdir()?;
    let settings = hydra_in(folder.path(), &["config", "show", "--json"])?.stdout;
    let settings: Vec<serde_json::Value> = serde_json::from_str(&settings)?;
    assert!(!settings.is_empty());
    for setting in settings {
        let row = format!("| `{}` |", setting["key"].as_str().unwrap());
        assert!(keys.contains(&row), "config.md has no row {row}");
    }
    Ok(())
}
