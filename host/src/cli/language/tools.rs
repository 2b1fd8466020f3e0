//! What a language's builds need: whether it is here, new enough, and what to install when not.
//! Asked by `doctor --lang`, and by `build` when a build has failed. Only asks tools for their version; never installs anything.

use std::process::{Command, Stdio};

use super::Language;

/// One thing that must be on the machine.
pub(in crate::cli) struct Tool {
    /// What it is called.
    pub(in crate::cli) name: &'static str,
    /// A shell command that succeeds when it is there, and prints its version if it has one.
    pub(in crate::cli) check: &'static str,
    /// The oldest version that does; (0, 0): any.
    pub(in crate::cli) version_min: (u32, u32),
    /// How to get it.
    pub(in crate::cli) install: &'static str,
}

impl Tool {
    /// What the tool says of itself.
    ///
    /// # Errors
    /// It is not here, or too old: what was found instead.
    pub(in crate::cli) fn find(&self) -> Result<String, String> {
        let mut shell = Command::new("sh");
        let ran = shell.arg("-c").arg(self.check).stdin(Stdio::null()).output();
        let Some(output) = ran.ok().filter(|output| output.status.success()) else {
            return Err("not found".into());
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let said = said.lines().next().unwrap_or_default().trim().to_owned();
        let (major, minor) = self.version_min;
        match version(&said) {
            Some(found) if found < self.version_min => Err(format!("{said}, but {major}.{minor} or newer is needed")),
            _ if said.is_empty() => Ok("there".into()),
            _ => Ok(said),
        }
    }
}

/// What a build in this language cannot do without and does not find, each with its cure.
pub(in crate::cli) fn missing(language: &Language) -> Vec<String> {
    let checked = language.tools.iter().filter_map(|tool| Some((tool, tool.find().err()?)));
    checked.map(|(tool, why)| format!("{}: {why}; {}", tool.name, tool.install)).collect()
}

/// The first `MAJOR.MINOR` in a tool's words.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut words =
        said.split(|letter: char| !letter.is_ascii_digit() && letter != '.').filter(|word| word.contains('.'));
    words.find_map(|word| {
        let mut parts = word.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(check: &'static str, version_min: (u32, u32)) -> Tool {
        Tool { name: "x", check, version_min, install: "install x" }
    }

    #[test]
    fn versions_are_found_in_what_tools_say() {
        assert_eq!(version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(version("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert_eq!(version("clang"), None);
    }

    #[test]
    fn a_tool_that_is_missing_or_too_old_is_told() {
        assert_eq!(tool("echo x 1.9", (1, 2)).find(), Ok("x 1.9".into()));
        assert_eq!(tool("true", (0, 0)).find(), Ok("there".into()));
        assert!(tool("echo x 1.9", (1, 10)).find().unwrap_err().contains("1.10 or newer"));
        assert_eq!(tool("no-such-tool --version", (1, 0)).find(), Err("not found".into()));
    }
}
