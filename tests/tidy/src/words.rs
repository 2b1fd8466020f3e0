//! What must not be written: sleeps in tests, tests that never run, work left for later, one machine's paths and hosts.
//! Part of the checks; see the crate's page. Words that it looks for are put together, so that this file passes too.

use crate::tree::Tree;

const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const SLEEPS: [&str; 3] = [concat!("sleep", "("), concat!("sleep", "_until("), concat!("sleep", "_ms(")];
const IGNORE: &str = concat!("#[", "ignore");
/// First folder of a path that exists on one machine only.
const PRIVATE_FOLDERS: [&str; 4] = ["home", "root", "Users", "work"];
/// Hosts that a committed address may name: this machine, names made for examples, and places to read on.
const HOSTS: [&str; 15] = [
    "127.0.0.1",
    "0.0.0.0",
    "[::1]",
    "example.com",
    "example.org",
    "bytecodealliance.org",
    "docs.rs",
    "github.com",
    "go.dev",
    "pkg.go.dev",
    "www.apache.org",
    "rustup.rs",
    "spdx.org",
    "sqlite.org",
    "www.w3.org",
];

/// Tests wait for events, never for time.
#[must_use]
pub fn sleeps(tree: &Tree) -> Vec<String> {
    let tests = tree.ending(".rs").filter(|(path, _)| path.starts_with("tests/"));
    let sleeps = |line: &str, call: &str| line.match_indices(call).any(|(at, _)| !follows_a(line, at, in_a_word));
    find(tests, |line| {
        let found = SLEEPS.iter().any(|call| sleeps(line, call));
        found.then(|| "wait for the event, or use tokio's paused clock".into())
    })
}

/// Every test runs.
#[must_use]
pub fn ignored_tests(tree: &Tree) -> Vec<String> {
    find(tree.ending(".rs"), |line| {
        line.contains(IGNORE).then(|| "a test that never runs proves nothing: repair it".into())
    })
}

/// What is committed is finished; the rest is an issue.
#[must_use]
pub fn unfinished(tree: &Tree) -> Vec<String> {
    find(tree.texts(), |line| {
        let mut words = line.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| UNFINISHED.contains(&word)).then(|| "write an issue instead".into())
    })
}

/// No path that exists on one machine only.
#[must_use]
pub fn machine_paths(tree: &Tree) -> Vec<String> {
    find(tree.texts(), |line| {
        let private = |folder: &&str| {
            let path = format!("/{folder}/");
            line.match_indices(&path).any(|(at, _)| !follows_a(line, at, in_a_path))
        };
        PRIVATE_FOLDERS.iter().find(|folder| private(folder)).map(|folder| format!("/{folder}/… is one machine's path"))
    })
}

/// No address of a host that is not known to all.
#[must_use]
pub fn hosts(tree: &Tree) -> Vec<String> {
    find(tree.texts(), |line| {
        let strange = line.split("://").skip(1).map(host_of).find(|host| !is_known(host))?;
        Some(format!("{strange} is not a host that may be named: see HOSTS in tests/tidy/src/words.rs"))
    })
}

fn follows_a(line: &str, at: usize, letter: fn(char) -> bool) -> bool {
    line.get(..at).is_some_and(|before| before.ends_with(letter))
}

fn in_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn in_a_path(letter: char) -> bool {
    in_a_word(letter) || ".-/}~".contains(letter)
}

fn host_of(address: &str) -> &str {
    let end = address.find(|letter: char| !letter.is_alphanumeric() && !".-[]{}$:_".contains(letter));
    let host = address.get(..end.unwrap_or(address.len())).unwrap_or_default();
    let port = host.rfind(':').filter(|at| !host.get(*at..).is_some_and(|rest| rest.contains(']')));
    host.get(..port.unwrap_or(host.len())).unwrap_or_default().trim_end_matches(['.', ':'])
}

/// A placeholder and a name made for tests are no hosts; neither is a word without a dot.
fn is_known(host: &str) -> bool {
    !host.contains(['.', ':']) || host.contains(['{', '$']) || host.ends_with(".example") || HOSTS.contains(&host)
}

fn find<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    complaint: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files {
        let found = text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, complaint(line)?)));
        complaints.extend(found.map(|(line, complaint)| format!("{path}:{line}: {complaint}")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    fn repository() -> Tree {
        Tree::of_repository().unwrap()
    }

    #[test]
    fn tests_do_not_sleep() {
        assert_none(sleeps(&repository()));
        let sleepy = format!("fn they_{}) {{\ntokio::time::{}a).await;\n", SLEEPS[0], SLEEPS[1]);
        let tree = Tree::of(&[("tests/e2e/a.rs", &sleepy), ("host/src/b.rs", &sleepy)]);
        assert_eq!(sleeps(&tree), ["tests/e2e/a.rs:2: wait for the event, or use tokio's paused clock"]);
    }

    #[test]
    fn every_test_runs() {
        assert_none(ignored_tests(&repository()));
        let ignored = format!("#[test]\n{IGNORE} = \"slow\"]\n");
        assert_eq!(ignored_tests(&Tree::of(&[("host/src/a.rs", &ignored)])).len(), 1);
    }

    #[test]
    fn nothing_is_left_for_later() {
        assert_none(unfinished(&repository()));
        let later = UNFINISHED.map(|word| format!("# {word}: later\n")).concat();
        assert_eq!(unfinished(&Tree::of(&[("justfile", &later), ("a.md", "todo lists, toDO\n")])).len(), 2);
    }

    #[test]
    fn no_path_belongs_to_one_machine() {
        assert_none(machine_paths(&repository()));
        let home = format!("cd {}me/alice/hydra\nsee https://github.com{}me/x\n", "/ho", "/ho");
        assert_eq!(machine_paths(&Tree::of(&[("docs/a.md", &home)])).len(), 1);
    }

    #[test]
    fn only_hosts_that_all_know_are_named() {
        assert_none(hosts(&repository()));
        let known = "http://127.0.0.1:8420/v1 http://[::1]:80 https://docs.rs. http://{address} https://evil.example/x http://HOST:1";
        let strange = format!("registry = \"https:{}mirror.corp.test:443/index\"\n", "//");
        let complaints = hosts(&Tree::of(&[("a.md", known), (".cargo/config.toml", &strange)]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints.concat().contains("mirror.corp.test is not"));
    }
}
