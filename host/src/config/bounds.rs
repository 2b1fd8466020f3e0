//! What each setting may be. Pure; asked by `load` once all layers are merged.
//! Never changes a value: one out of bounds is refused, not clamped.

use super::settings::Config;
use super::{binding, endpoint, nats, sink};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const PIB: u64 = 1 << 50;
/// Shortest bearer token, in characters: shorter ones can be guessed.
const TOKEN_CHARS_MIN: usize = 16;

/// A setting that is not what it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Which, for example `store.buckets`.
    pub(super) key: &'static str,
    /// What it is; never a secret.
    pub(super) value: String,
    /// What it may be.
    pub(super) bounds: String,
}

/// All settings that are out of bounds, in the order of the file.
pub(super) fn check(config: &Config) -> Vec<Broken> {
    let mut broken: Vec<Broken> = numbers(config)
        .into_iter()
        .filter(|(_, value, least, most)| !(least..=most).contains(&value))
        .map(|(key, value, least, most)| Broken { key, value: value.to_string(), bounds: format!("{least} to {most}") })
        .collect();
    if !config.store.buckets.is_power_of_two() || config.store.buckets > 256 {
        broken.push(Broken {
            key: "store.buckets",
            value: config.store.buckets.to_string(),
            bounds: "a power of two from 1 to 256".into(),
        });
    }
    broken.extend(sizes(config));
    broken.extend(node(config));
    broken.extend(nats::check(&config.nats));
    broken.extend(binding::check(config));
    broken.extend(endpoint::check(config));
    broken.extend(sink::check(config));
    broken.extend(token(config));
    broken.extend(hosts(config));
    if let Err(error) = crate::telemetry::filter(&config.telemetry.log) {
        broken.push(Broken {
            key: "telemetry.log",
            value: format!("{:?} ({error})", config.telemetry.log),
            bounds: "a level (error, warn, info, debug, trace) or directives such as info,hydra::turn=debug".into(),
        });
    }
    broken.extend(collector(config));
    broken
}

/// Every number with its least and greatest value.
fn numbers(config: &Config) -> Vec<(&'static str, u64, u64, u64)> {
    let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let Config { store, nats, http, node, sandbox, .. } = config;
    vec![
        ("store.retention_s", store.retention_s, 60, 86_400),
        ("store.dead_letters_days", store.dead_letters_days.into(), 1, 3_650),
        ("nats.replicas", wide(nats.replicas), 1, 5),
        ("http.requests_max", wide(http.requests_max), 1, 64 * KIB),
        ("http.component_bytes_max", wide(http.component_bytes_max), 1, 256 * MIB),
        ("node.heartbeat_ms", node.heartbeat_ms, 100, 10_000),
        ("node.lease_s", node.lease_s, 1, 60),
        ("node.mailbox_bytes_max", wide(node.mailbox_bytes_max), MIB, 4 * GIB),
        ("node.mailbox_messages_max", wide(node.mailbox_messages_max), 64, 64 * KIB),
        ("node.activation_messages_max", wide(node.activation_messages_max), 1, 1_024),
        ("node.record_cache_bytes", node.record_cache_bytes, 0, 16 * GIB),
        ("node.guest_threads", wide(node.guest_threads), 0, 1_024),
        ("sandbox.instances_max", sandbox.instances_max.into(), 1, 4_096),
        ("sandbox.compile_s_max", sandbox.compile_s_max, 1, 3_600),
    ]
}

/// What does not fit into a row of numbers: the name, and how heartbeat and lease go together.
fn node(config: &Config) -> Vec<Broken> {
    let node = &config.node;
    let mut broken = Vec::new();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&node.name.len()) || !node.name.bytes().all(fits) {
        let bounds = "1 to 64 of A-Z, a-z, 0-9, _ and -".into();
        broken.push(Broken { key: "node.name", value: format!("{:?}", node.name), bounds });
    }
    if node.heartbeat_ms.saturating_mul(2) > node.lease_s.saturating_mul(1_000) {
        let bounds = format!("at least two heartbeats of {} ms", node.heartbeat_ms);
        broken.push(Broken { key: "node.lease_s", value: node.lease_s.to_string(), bounds });
    }
    broken
}

/// Sizes where 0 means no limit.
fn sizes(config: &Config) -> impl Iterator<Item = Broken> {
    let sizes = [
        ("store.bytes_max", config.store.bytes_max),
        ("nats.actors_bytes_max", config.nats.actors_bytes_max),
        ("nats.dead_letters_bytes_max", config.nats.dead_letters_bytes_max),
    ];
    let broken = sizes.into_iter().filter(|(_, size)| *size != 0 && !(MIB..=PIB).contains(size));
    broken.map(|(key, size)| Broken {
        key,
        value: size.to_string(),
        bounds: format!("0 (no limit but the disk), or {MIB} to {PIB}"),
    })
}

fn token(config: &Config) -> Option<Broken> {
    let http = &config.http;
    match &http.token {
        Some(token) => {
            let valid = token.len() >= TOKEN_CHARS_MIN && token.bytes().all(|byte| byte.is_ascii_graphic());
            let value = format!("{} characters", token.chars().count());
            let bounds = format!("at least {TOKEN_CHARS_MIN} visible ASCII characters without spaces");
            (!valid).then_some(Broken { key: "http.token", value, bounds })
        }
        None => (!http.listen.ip().is_loopback()).then(|| Broken {
            key: "http.listen",
            value: http.listen.to_string(),
            bounds: "a loopback address such as 127.0.0.1:8420, unless http.token is set".into(),
        }),
    }
}

fn hosts(config: &Config) -> Option<Broken> {
    let valid = |name: &&String| !name.is_empty() && !name.contains(['/', ':', ' ', ',']);
    config.http.hosts.iter().find(|name| !valid(name)).map(|name| Broken {
        key: "http.hosts",
        value: format!("{name:?}"),
        bounds: "host names without scheme and port, for example hydra.example.org".into(),
    })
}

/// An address with credentials is not shown, as they are a secret.
fn collector(config: &Config) -> Option<Broken> {
    let address = config.telemetry.otlp.as_ref()?;
    let place = ["http://", "https://"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let host =
        place.and_then(|place| place.split('/').next()).filter(|host| !host.is_empty() && !host.starts_with(':'));
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic()) && !address.contains(['?', '#', '@']);
    (host.is_none() || !is_plain).then(|| Broken {
        key: "telemetry.otlp",
        value: if address.contains('@') { "an address with credentials".into() } else { format!("{address:?}") },
        bounds: "http:// or https://, a host and a port, for example http://127.0.0.1:4318; a key goes into \
                 OTEL_EXPORTER_OTLP_HEADERS"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &Config) -> Vec<&'static str> {
        check(config).into_iter().map(|broken| broken.key).collect()
    }

    #[test]
    fn the_defaults_are_in_bounds() {
        assert_eq!(check(&Config::default()), []);
    }

    #[test]
    fn every_broken_setting_is_named() {
        let mut config = Config::default();
        config.store.retention_s = 59;
        config.store.buckets = 12;
        config.store.bytes_max = 1;
        config.sandbox.instances_max = 0;
        config.telemetry.log = "hydra=loud".into();
        config.http.hosts = vec!["https://example.org".into()];
        let named = keys(&config);
        assert_eq!(
            named,
            [
                "store.retention_s",
                "sandbox.instances_max",
                "store.buckets",
                "store.bytes_max",
                "http.hosts",
                "telemetry.log"
            ]
        );
    }

    #[test]
    fn a_collector_is_an_address_without_secrets() {
        let mut config = Config::default();
        for good in ["http://127.0.0.1:4318", "https://example.org", "http://[::1]:4318/prefix/"] {
            config.telemetry.otlp = Some(good.into());
            assert_eq!(keys(&config), [""; 0], "{good}");
        }
        for bad in ["", "localhost:4318", "http://", "http://:4318", "grpc://a:4317", "http://a b", "http://a/?key=b"] {
            config.telemetry.otlp = Some(bad.into());
            assert_eq!(keys(&config), ["telemetry.otlp"], "{bad}");
        }
        config.telemetry.otlp = Some("http://me:secret@a".into());
        let told = check(&config).remove(0);
        assert!(!told.value.contains("secret") && told.bounds.contains("OTEL_EXPORTER_OTLP_HEADERS"));
    }

    #[test]
    fn an_open_address_needs_a_token_and_a_token_is_never_shown() {
        let mut config = Config::default();
        config.http.listen = "0.0.0.0:8420".parse().unwrap();
        assert_eq!(keys(&config), ["http.listen"]);
        config.http.token = Some("short-secret".into());
        let broken = check(&config);
        assert!(broken.iter().all(|one| one.key == "http.token" && !one.value.contains("secret")));
        config.http.token = Some("long-enough-secret".into());
        assert_eq!(check(&config), []);
    }
}
