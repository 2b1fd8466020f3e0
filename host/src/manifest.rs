//! A kind's settings and grants, as written in its `actor.toml`.
//! Ground floor: pure. Part of every deployed version; deny by default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::is_endpoint_name;
use crate::id::{ActorId, Kind};

/// Largest state of any actor, in bytes: the ceiling of `limits.state_bytes_max`.
pub const STATE_BYTES_MAX: u64 = 512 << 10;

/// `actor.toml`. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// The kind this component handles. On the command line `--kind` wins.
    pub kind: Option<Kind>,
    /// Path of the compiled component, relative to this file. Used by the command line only.
    pub component: Option<String>,
    /// How to build the component. Used by the command line only.
    pub build: Build,
    /// How long an actor sleeps until its next turn begins with `lifecycle.activated`, in milliseconds. Default 600,000.
    pub idle_ms: u64,
    /// Version of the state's format, handed to the guest's `migrate` when it differs. Default 0.
    pub state_version: u32,
    /// Non-secret settings, read by the guest with `runtime.config`.
    pub config: BTreeMap<String, String>,
    /// What the kind may do beyond messaging its own kind.
    pub grants: Grants,
    /// Bounds of one turn and of one actor.
    pub limits: Limits,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            kind: None,
            component: None,
            build: Build::default(),
            idle_ms: 600_000,
            state_version: 0,
            config: BTreeMap::new(),
            grants: Grants::default(),
            limits: Limits::default(),
        }
    }
}

/// How the author builds the component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Build {
    /// A shell command, run in the manifest's folder.
    pub command: Option<String>,
    /// Files and folders of which the component is made, relative to the manifest; none: its folder, but for what build
    /// tools put there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
}

/// Permissions. Without one: its own kind only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Kinds that may be sent to: names, or a prefix followed by `*`. Its own kind is always allowed.
    pub send: Vec<String>,
    /// Endpoints of the host that may be called through `sys-http`: names, or a prefix followed by `*`. Default none.
    pub http: Vec<String>,
    /// Sinks of the host that may be published to through `sys-nats`: names, or a prefix followed by `*`. Default none.
    pub nats: Vec<String>,
}

/// Bounds of a kind. Each has a default and a hard ceiling; a value above the ceiling is refused at deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one instance in bytes. Default 16 MiB, at most 64 MiB.
    pub memory_bytes_max: u64,
    /// Running time of one turn in milliseconds; time that other actors run does not count. Default 1,000, at most 60,000.
    pub cpu_ms_max: u64,
    /// Wall time of one turn in milliseconds. Default 5,000, at most 300,000.
    pub wall_ms_max: u64,
    /// State of one actor in bytes. Default and at most 512 KiB.
    pub state_bytes_max: u64,
    /// Body of one message that this kind sends or replies in bytes. Default and at most 256 KiB.
    pub body_bytes_max: u64,
    /// Messages one turn may send. Default 256, at most 1,024.
    pub sends_max: u32,
    /// Bytes of all that one turn sends. Default and at most 256 KiB.
    pub sends_bytes_max: u64,
    /// Log lines of one turn; more are counted and dropped. Default 100, at most 1,000.
    pub log_lines_max: u32,
    /// Bytes of one log line; the rest is cut off. Default 4 KiB, at most 64 KiB.
    pub log_line_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 16 << 20,
            cpu_ms_max: 1_000,
            wall_ms_max: 5_000,
            state_bytes_max: STATE_BYTES_MAX,
            body_bytes_max: 256 << 10,
            sends_max: 256,
            sends_bytes_max: 256 << 10,
            log_lines_max: 100,
            log_line_bytes_max: 4 << 10,
        }
    }
}

/// A manifest that cannot be used. The author corrects it and deploys again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("actor.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A limit above its ceiling, or zero.
    #[error("actor.toml: limits.{name} is {value}, allowed are 1 to {ceiling}")]
    Limit {
        /// The key.
        name: &'static str,
        /// What was asked.
        value: u64,
        /// The most that can be had.
        ceiling: u64,
    },
    /// A grant that is neither a name nor a prefix with `*`.
    #[error("actor.toml: grants.{grant} has {pattern:?}: write {wanted}, or a prefix followed by *")]
    Grant {
        /// The key.
        grant: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What was written.
        pattern: String,
    },
}

impl Manifest {
    /// Reads and checks an `actor.toml`.
    ///
    /// # Errors
    /// `Error`, naming the key: show it to the author.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks limits and grants of a manifest from anywhere.
    ///
    /// # Errors
    /// `Error::Limit`, `Error::Grant`: show it to the author.
    pub fn check(&self) -> Result<(), Error> {
        let limits = &self.limits;
        let bounds = [
            ("memory_bytes_max", limits.memory_bytes_max, 64 << 20),
            ("cpu_ms_max", limits.cpu_ms_max, 60_000),
            ("wall_ms_max", limits.wall_ms_max, 300_000),
            ("state_bytes_max", limits.state_bytes_max, STATE_BYTES_MAX),
            ("body_bytes_max", limits.body_bytes_max, 256 << 10),
            ("sends_max", limits.sends_max.into(), 1_024),
            ("sends_bytes_max", limits.sends_bytes_max, 256 << 10),
            ("log_lines_max", limits.log_lines_max.into(), 1_000),
            ("log_line_bytes_max", limits.log_line_bytes_max.into(), 64 << 10),
        ];
        for (name, value, ceiling) in bounds {
            if value == 0 || value > ceiling {
                return Err(Error::Limit { name, value, ceiling });
            }
        }
        let Grants { send, http, nats } = &self.grants;
        let is_kind = |name: &str| name.ends_with('-') || Kind::new(name).is_ok();
        check_grants("send", "a kind", send, is_kind)?;
        check_grants("http", "an endpoint's name", http, is_endpoint_name)?;
        check_grants("nats", "a sink's name", nats, is_endpoint_name)
    }

    /// Whether `sender` may send to `receiver` under this manifest.
    #[must_use]
    pub fn may_send(&self, sender: &ActorId, receiver: &Kind) -> bool {
        sender.kind() == receiver || allows(&self.grants.send, receiver.as_str())
    }
}

fn check_grants(
    grant: &'static str,
    wanted: &'static str,
    patterns: &[String],
    is_name: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let valid = |pattern: &&String| pattern.as_str() == "*" || is_name(pattern.strip_suffix('*').unwrap_or(pattern));
    match patterns.iter().find(|pattern| !valid(pattern)) {
        Some(pattern) => Err(Error::Grant { grant, wanted, pattern: pattern.clone() }),
        None => Ok(()),
    }
}

/// Whether a grant's patterns have this name.
#[must_use]
pub fn allows(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_manifest_grants_its_own_kind_only() {
        let manifest = Manifest::parse("").unwrap();
        let sender = ActorId::parse("order/1").unwrap();
        assert!(manifest.may_send(&sender, &Kind::new("order").unwrap()));
        assert!(!manifest.may_send(&sender, &Kind::new("stock").unwrap()));
    }

    #[test]
    fn a_prefix_grants_what_begins_with_it() {
        let manifest = Manifest::parse("[grants]\nsend = [\"stock-*\", \"mail\"]").unwrap();
        let sender = ActorId::parse("order/1").unwrap();
        let may = |kind: &str| manifest.may_send(&sender, &Kind::new(kind).unwrap());
        assert!(may("stock-eu") && may("mail") && !may("mailbox") && !may("stock"));
    }

    #[test]
    fn endpoints_are_granted_by_name() {
        let manifest = Manifest::parse("[grants]\nhttp = [\"payments\", \"mail-*\"]").unwrap();
        let may = |name: &str| allows(&manifest.grants.http, name);
        assert!(may("payments") && may("mail-eu") && !may("payments2"));
        assert!(!allows(&Manifest::default().grants.http, "payments"));
        let error = Manifest::parse("[grants]\nhttp = [\"https://a.example\"]").unwrap_err().to_string();
        assert!(error.contains("grants.http") && error.contains("an endpoint's name"), "{error}");
    }

    #[test]
    fn mistakes_name_the_key() {
        let said = |text: &str| Manifest::parse(text).unwrap_err().to_string();
        assert!(said("[limits]\nmemory_bytes_max = 99999999999").contains("limits.memory_bytes_max"));
        assert!(said("[grants]\nsend = [\"Stock\"]").contains("\"Stock\""));
        assert!(said("colour = 1").contains("colour"));
    }
}
