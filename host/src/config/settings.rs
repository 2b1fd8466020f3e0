//! The host's settings: one struct, every field with unit, bounds and default.
//! Ground floor: plain data, handed to whatever is started. `load` fills it, `bounds` checks it.
//! Never read again after the start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::binding::Binding;
use super::endpoint::Endpoint;
use super::fraction::Fraction;
use super::sink::Sink;

/// All settings of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is kept how long, and the embedded store.
    pub store: Store,
    /// NATS JetStream instead of the embedded store.
    pub nats: Nats,
    /// The HTTP API.
    pub http: Http,
    /// How much is in work at once.
    pub node: Node,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Log lines, and what goes to an OTLP collector.
    pub telemetry: Telemetry,
    /// Streams of others that are bound to actors. Default none.
    pub source: Vec<Binding>,
    /// Places outside that actors may call over HTTP. Default none.
    pub endpoint: Vec<Endpoint>,
    /// Subjects of NATS on which actors may publish. Default none.
    pub sink: Vec<Sink>,
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

/// `[store]`: what is kept how long, and the embedded store. With `nats.urls` only `buckets`, `retention_s` and
/// `dead_letters_days` count: everything else says how one machine keeps it.
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

/// Where NATS keeps its streams and tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// On the servers' disks.
    #[default]
    File,
    /// In the servers' memory: gone with their last restart. For tests.
    Memory,
}

/// `[nats]`: NATS JetStream as the store. Replicas, storage and sizes are those of new streams: an existing one is never
/// changed, `hydra doctor` tells how it differs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nats {
    /// The servers, for example `nats://nats-1:4222`; at most 16, without credentials. Default none: the embedded store.
    pub urls: Vec<String>,
    /// A credentials file as `nsc` writes it: user JWT and seed. Default none.
    pub creds_file: Option<PathBuf>,
    /// A file with an nkey seed (`SU…`). Default none.
    pub nkey_file: Option<PathBuf>,
    /// A file with a user JWT; its seed is in `nkey_file`. Default none.
    pub jwt_file: Option<PathBuf>,
    /// User name; needs `password`. Default none.
    pub user: Option<String>,
    /// Password of `user`. Default none.
    pub password: Option<String>,
    /// A token. Default none.
    pub token: Option<String>,
    /// Whether TLS is demanded, whatever the server offers. Default false: as the server and the URL's scheme say.
    pub tls: bool,
    /// Whether TLS begins before the server says anything (`handshake_first`). Default false.
    pub tls_first: bool,
    /// A PEM file of the authorities that may vouch for the servers. Default none: the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// A PEM file with this host's certificate; needs `tls_key_file`. Default none.
    pub tls_cert_file: Option<PathBuf>,
    /// A PEM file with the key of `tls_cert_file`. Default none.
    pub tls_key_file: Option<PathBuf>,
    /// The JetStream domain, behind a leaf node. Default none.
    pub domain: Option<String>,
    /// What this connection is called in the servers' monitoring; 1 to 64 visible characters. Default `hydra`.
    pub name: String,
    /// Name of the system, `[a-z][a-z0-9]{0,31}`: begins every subject and stream. Default `hydra`.
    pub system: String,
    /// Name of the region, of the same form. Default `local`.
    pub region: String,
    /// Servers that keep a copy of each stream and table, 1 to 5. Default 1: one server's loss is the data's.
    pub replicas: usize,
    /// Where streams and tables are kept; living nodes are in memory always. Default `file`.
    pub storage: Storage,
    /// Largest size of all records together in bytes, 1 MiB to 1 PiB; beyond it nothing is committed. Default 0: no limit.
    pub actors_bytes_max: u64,
    /// Largest size of all dead letters together in bytes, 1 MiB to 1 PiB; the oldest go first. Default 0: no limit.
    pub dead_letters_bytes_max: u64,
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            creds_file: None,
            nkey_file: None,
            jwt_file: None,
            user: None,
            password: None,
            token: None,
            tls: false,
            tls_first: false,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            domain: None,
            name: "hydra".into(),
            system: "hydra".into(),
            region: "local".into(),
            replicas: 1,
            storage: Storage::File,
            actors_bytes_max: 0,
            dead_letters_bytes_max: 0,
        }
    }
}

/// Password and token are secrets: they are never printed.
impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = (&self.system, &self.region, &self.name);
        f.debug_struct("Nats").field("urls", &self.urls).field("names", &names).finish_non_exhaustive()
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
    /// Folder of compiled code, private to this user. Default `compiled` in the store's folder; with `nats.urls`
    /// `hydra/compiled` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`).
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

/// What a host sends to an OTLP collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// The way of calls and messages.
    Traces,
    /// What `/metrics` tells.
    Metrics,
    /// Log lines, as many as `log` lets through.
    Logs,
}

/// `[telemetry]`: log lines, and what goes to an OTLP collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: a level, or directives such as `info,hydra::turn=debug`. Default `info`.
    pub log: String,
    /// How it is written, to standard error. Default `text`.
    pub format: LogFormat,
    /// Where an OTLP collector listens (HTTP with protobuf), for example `http://127.0.0.1:4318`. Default none: nothing is sent.
    pub otlp: Option<String>,
    /// What is sent there: `traces`, `metrics`, `logs`. Default all.
    pub signals: Vec<Signal>,
    /// Which part of the traces that begin at this host is kept, 0 to 1. Default 1. A trace that somebody began before is
    /// kept if they keep it.
    pub sample: Fraction,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".into(),
            format: LogFormat::Text,
            otlp: None,
            signals: vec![Signal::Traces, Signal::Metrics, Signal::Logs],
            sample: Fraction::ALL,
        }
    }
}
