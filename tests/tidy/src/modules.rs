//! Who may import whom in the host: the map of `docs/ARCHITECTURE.md`, checked line by line.
//! Part of the checks; see the crate's page. Reads `crate::…` and `hydra::…` paths; tests inside a file may import anything.

use crate::tree::{Tree, code_only};

const HOST: &str = "host/src/";

/// The library's modules from the ground up. A module imports from its own layer and from those below it, never from above.
const LAYERS: [(&str, &[&str]); 10] = [
    (
        "ground floor",
        &[
            "clock",
            "config",
            "crash",
            "description",
            "digest",
            "effects",
            "guard",
            "id",
            "manifest",
            "message",
            "names",
            "operation",
            "random",
            "reply",
            "telemetry",
            "timer",
        ],
    ),
    ("seam", &["backend"]),
    ("what is stored", &["events", "failure", "history", "incarnations", "keys", "outbox", "record"]),
    ("code", &["wasm"]),
    ("kinds", &["registry"]),
    ("way in", &["client"]),
    ("one turn", &["alarms", "mailbox", "turn"]),
    (
        "one actor",
        &[
            "activation",
            "bucket",
            "callers",
            "commit",
            "deadletter",
            "late",
            "operator",
            "parking",
            "tombstone",
            "wake",
        ],
    ),
    ("one host", &["cluster", "connector", "inbox", "inquiry", "node", "source"]),
    // Ways to use a node, and its store: none knows another.
    ("edges", &["archive", "http", "ingress", "scenario"]),
];
/// Modules that know fewer others than their layer may.
const NARROW: [(&str, &[&str]); 2] = [
    // The sandbox does no I/O, so it knows nobody who could.
    ("wasm", &["clock", "config", "digest", "effects", "guard", "id", "manifest", "message", "names", "timer"]),
    // A backend does not know what an actor's record or a turn is.
    ("backend", &["clock", "config", "digest", "guard", "id", "message", "names", "random"]),
];
/// Modules that compute and nothing else: no runtime, no logging, no waiting.
const PURE: [&str; 15] = [
    "description",
    "digest",
    "effects",
    "failure",
    "id",
    "keys",
    "mailbox",
    "manifest",
    "message",
    "names",
    "operation",
    "outbox",
    "record",
    "reply",
    "timer",
];
/// What a pure module does not contain. A mailbox holds the runtime's permits, but never waits for them.
const IMPURE: [&str; 4] = ["tokio::", "tracing::", "async fn", ".await"];
/// Where a backend may be named: where the binary puts a host together, where a store is looked at from outside, and where a
/// scenario gets its own, in memory, which lives as long as one run.
const STARTERS: [&str; 4] =
    ["host/src/cli/doctor_nats.rs", "host/src/cli/host.rs", "host/src/cli/store.rs", "host/src/scenario/host.rs"];
const BACKENDS: [&str; 3] = ["embedded", "memory", "nats"];

/// Modules import downwards, and a new module says where it stands.
#[must_use]
pub fn layers(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, module, code) in library(tree) {
        let Some(own) = layer_of(module) else {
            complaints.push(format!("{path}: module {module} has no layer: give it one in tests/tidy/src/modules.rs"));
            continue;
        };
        let above =
            imports(&code, "crate::").into_iter().filter(|name| layer_of(name).is_some_and(|layer| layer > own));
        complaints.extend(above.map(|name| format!("{path}: {module} imports {name}, which stands above it")));
        let narrow = NARROW.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
        let known = |name: &str| narrow.is_none_or(|allowed| name == module || allowed.contains(&name));
        let modules = imports(&code, "crate::").into_iter().filter(|name| layer_of(name).is_some() && !known(name));
        complaints.extend(modules.map(|name| format!("{path}: {module} must not know {name}")));
    }
    complaints
}

/// Pure modules stay pure.
#[must_use]
pub fn purity(tree: &Tree) -> Vec<String> {
    let pure = library(tree).filter(|(_, module, _)| PURE.contains(module));
    let mut complaints = Vec::new();
    for (path, module, code) in pure {
        let permits = |word: &&str| module == "mailbox" && *word == "tokio::";
        let found = IMPURE.iter().filter(|word| code.contains(**word) && !permits(word));
        complaints.extend(found.map(|word| format!("{path}: {module} is pure, but contains `{word}`")));
    }
    complaints
}

/// A backend is chosen in one place: everything else knows the seam only.
#[must_use]
pub fn backends(tree: &Tree) -> Vec<String> {
    let inside = |path: &str| path.starts_with("host/src/backend/") || STARTERS.contains(&path);
    let mut complaints = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| path.starts_with(HOST) && !inside(path)) {
        let named = imports(&code_only(text), "backend::").into_iter().filter(|name| BACKENDS.contains(&name.as_str()));
        complaints
            .extend(named.map(|name| format!("{path}: names the backend {name}: take the seam's traits instead")));
    }
    complaints
}

/// The command line stays in the binary's half; the HTTP client is also the way out's.
#[must_use]
pub fn command_line(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, module, code) in library(tree) {
        let foreign = ["anyhow", "clap", "crate::cli", "indicatif", "reqwest"];
        let found = foreign.iter().filter(|word| names(&code, word) && !(module == "connector" && **word == "reqwest"));
        complaints.extend(found.map(|word| format!("{path}: {word} belongs to main.rs and cli/")));
    }
    complaints
}

fn names(code: &str, word: &str) -> bool {
    code.contains(&format!("{word}::")) || code.contains(&format!("use {word};"))
}

/// The library's files: path, top module, and code.
fn library(tree: &Tree) -> impl Iterator<Item = (&str, &str, String)> {
    let sources = tree.ending(".rs").filter(|(path, _)| !path.ends_with("/tests.rs"));
    sources.filter_map(|(path, text)| {
        let inside = path.strip_prefix(HOST)?;
        let module = inside.split('/').next()?.trim_end_matches(".rs");
        (!["lib", "main", "cli"].contains(&module)).then(|| (path, module, code_only(text)))
    })
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, modules)| modules.contains(&module))
}

/// First names behind a prefix: of `crate::{a::B, c}` and `crate::d::E` these are a, c and d.
fn imports(code: &str, prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = code.split(prefix).skip(1).flat_map(first_names).collect();
    names.sort();
    names.dedup();
    names
}

fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 1;
    let mut parts = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => parts.push(String::new()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().map(|part| word(part.trim_start_matches(','))).filter(|name: &String| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    fn repository() -> Tree {
        Tree::of_repository().unwrap()
    }

    #[test]
    fn modules_import_downwards() {
        assert_none(layers(&repository()));
        let tree = Tree::of(&[
            ("host/src/id.rs", "use crate::{digest, turn::Turn};"),
            (
                "host/src/turn.rs",
                "use crate::id::Seq;\n// use crate::node;\n#[cfg(test)]\nmod tests { use crate::node; }",
            ),
            ("host/src/wasm/pool.rs", "use crate::backend::Log;\nuse crate::effects::Effects;"),
            ("host/src/manager.rs", ""),
        ]);
        assert_eq!(
            layers(&tree),
            [
                "host/src/id.rs: id imports turn, which stands above it",
                "host/src/manager.rs: module manager has no layer: give it one in tests/tidy/src/modules.rs",
                "host/src/wasm/pool.rs: wasm must not know backend",
            ]
        );
    }

    #[test]
    fn pure_modules_stay_pure() {
        assert_none(purity(&repository()));
        let tree = Tree::of(&[
            ("host/src/failure.rs", "use tokio::time;\nasync fn decide() {}\n"),
            ("host/src/mailbox.rs", "use tokio::sync::Notify;\nfn f() { notify.notified().await }"),
            ("host/src/turn.rs", "async fn run() {}"),
        ]);
        assert_eq!(purity(&tree).len(), 3);
    }

    #[test]
    fn a_backend_is_chosen_in_one_place() {
        assert_none(backends(&repository()));
        let tree = Tree::of(&[
            (
                "host/src/node.rs",
                "use crate::backend::{Log, memory};\n#[cfg(test)]\nmod tests { use crate::backend::nats; }",
            ),
            ("host/src/cli/host.rs", "use hydra::backend::embedded;"),
            ("host/src/cli/dev.rs", "hydra::backend::embedded::open()"),
            ("tests/e2e/a.rs", "use hydra::backend::memory;"),
        ]);
        let places: Vec<_> = backends(&tree).iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(places, ["host/src/cli/dev.rs", "host/src/node.rs"]);
    }

    #[test]
    fn the_library_knows_no_command_line() {
        assert_none(command_line(&repository()));
        let tree = Tree::of(&[
            ("host/src/node.rs", "use anyhow::Result;\nuse crate::cli::output;"),
            ("host/src/cli/host.rs", "use anyhow::Result;\nuse clap::Args;"),
            ("host/src/connector/exchange.rs", "use reqwest::Response;"),
            ("host/src/http/serve.rs", "use reqwest::Response;"),
        ]);
        assert_eq!(command_line(&tree).len(), 3);
    }

    #[test]
    fn names_are_found_behind_a_prefix() {
        let code = "use crate::{a::{B, C}, d,\n  e::F};\ncrate::g::h();\npub(crate) fn i() {}";
        assert_eq!(imports(code, "crate::"), ["a", "d", "e", "g"]);
    }
}
