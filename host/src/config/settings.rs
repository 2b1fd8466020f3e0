//! The host's settings: one struct, every field with unit, bounds and default.
//! Ground floor: plain data, handed to whatever is started. `load` fills it, `bounds` checks it.
//! Never read again after the start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All settings of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The embedded store.
    pub store: Store,
    /// The HTTP API.
    pub http: Http,
    /// How much is in work at once.
    pub node: Node,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Logging.
    pub telemetry: Telemetry,
}

/// When a message or a record counts as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk: survives power loss.
    #[default]
    Fsync,
    /// With the operating system: survives `kill -9` of the host, not power loss.
    Os,
}

/// `[store]`: the embedded store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The store's folder. Default `.hydra`.
    pub dir: PathBuf,
    /// When something counts as stored. Default `fsync`.
    pub durability: Durability,
    /// Buckets of a new store; a power of two, 1 to 256. Default 16. An existing store keeps its own.
    pub buckets: u16,
    /// How long handled messages are kept in the log, in seconds, 60 to 86,400. Default 600. Late copies are recognised within it.
    pub retention_s: u64,
    /// How long dead letters are kept, in days, 1 to 3,650. Default 30.
    pub dead_letters_days: u32,
    /// Largest size of the database in bytes, 1 MiB to 1 PiB; beyond it nothing is accepted until old messages are
    /// trimmed. Default 0: no limit but the disk. Its journal (64 MiB and more under load) and components come on top.
    pub bytes_max: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            dir: PathBuf::from(".hydra"),
            durability: Durability::Fsync,
            buckets: 16,
            retention_s: 600,
            dead_letters_days: 30,
            bytes_max: 0,
        }
    }
}

/// `[http]`: the HTTP API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen. Default 127.0.0.1:8420. An address that is not loopback needs `token`.
    pub listen: SocketAddr,
    /// The bearer token that every request must carry; at least 16 characters. Default none: loopback only.
    pub token: Option<String>,
    /// Further names under which clients may address this host (the `Host` header), without port. Default none.
    pub hosts: Vec<String>,
    /// Requests in work at once, 1 to 65,536; more are answered 503. Default 8,192.
    pub requests_max: usize,
    /// Largest component that can be uploaded, in bytes, at most 256 MiB. Default 64 MiB.
    pub component_bytes_max: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8420),
            token: None,
            hosts: Vec::new(),
            requests_max: 8_192,
            component_bytes_max: 64 << 20,
        }
    }
}

/// The token is a secret: it is never printed.
impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("listen", &self.listen)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("hosts", &self.hosts)
            .field("requests_max", &self.requests_max)
            .field("component_bytes_max", &self.component_bytes_max)
            .finish()
    }
}

/// `[node]`: this host among others, and how much is in work at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// How this host is called in ownership rows and logs: 1 to 64 of `[A-Za-z0-9_-]`. Default `host`. Two hosts may have one name.
    pub name: String,
    /// How often this host says that it lives, in milliseconds, 100 to 10,000. Default 1,000.
    pub heartbeat_ms: u64,
    /// After so many seconds of silence others take this host's buckets, 1 to 60. Default 3. At least twice `heartbeat_ms`.
    pub lease_s: u64,
    /// Memory for messages that wait for their actor, in bytes, 1 MiB to 4 GiB. Default 64 MiB. The rest waits in the log.
    pub mailbox_bytes_max: usize,
    /// Messages of one actor that wait in memory, 64 to 65,536. Default 1,024. The rest waits in the log.
    pub mailbox_messages_max: usize,
    /// Messages of one activation, 1 to 1,024. Default 64.
    pub activation_messages_max: usize,
    /// Memory for records of recently active actors, in bytes, at most 16 GiB. Default 64 MiB.
    pub record_cache_bytes: u64,
    /// Threads that run guests, 0 to 1,024. Default 0: one per core.
    pub guest_threads: usize,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            name: "host".into(),
            heartbeat_ms: 1_000,
            lease_s: 3,
            mailbox_bytes_max: 64 << 20,
            mailbox_messages_max: 1_024,
            activation_messages_max: 64,
            record_cache_bytes: 64 << 20,
            guest_threads: 0,
        }
    }
}

/// `[sandbox]`: the WebAssembly engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sandbox {
    /// Instances alive at once, 1 to 4,096. Default 256. Activations beyond it wait.
    pub instances_max: u32,
    /// Folder of compiled code, private to this host. Default `compiled` in the store's folder.
    pub cache_dir: Option<PathBuf>,
    /// Longest compilation in seconds, 1 to 3,600. Default 120.
    pub compile_s_max: u64,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { instances_max: 256, cache_dir: None, compile_s_max: 120 }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[telemetry]`: logging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: a level, or directives such as `info,hydra::turn=debug`. Default `info`.
    pub log: String,
    /// How it is written, to standard error. Default `text`.
    pub format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Text }
    }
}
