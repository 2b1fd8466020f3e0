//! `[[endpoint]]`: the places outside that actors may call over HTTP, and how calls to them behave.
//! Ground floor: pure. Checked with all other settings; `connector` does what it says.
//! Never holds a secret: it says where one is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::bounds::Broken;
use super::settings::Config;
use crate::message::BODY_BYTES_MAX;

/// Endpoints of one host.
const ENDPOINTS_MAX: usize = 64;
/// Longest name of an endpoint, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Further origins of one endpoint, and headers that the host puts in.
const REDIRECTS_MAX: usize = 16;
const HEADERS_MAX: usize = 16;

/// Scheme, host and port, and nothing else: `https://api.example`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(Url);

/// A text that is no origin. Tell its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is http:// or https://, a host, and a port if need be, for example https://api.example: no path, no credentials"
)]
pub struct OriginError;

impl Origin {
    /// Reads `SCHEME://HOST` or `SCHEME://HOST:PORT`.
    ///
    /// # Errors
    /// [`OriginError`]: tell the author. It does not repeat the text, which may have credentials in it.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_open = url.username().is_empty() && url.password().is_none();
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if is_bare && is_open && is_web { Ok(Self(url)) } else { Err(OriginError) }
    }

    /// As a URL, with the path `/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether a URL is of this origin.
    #[must_use]
    pub fn has(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

/// Where the value of a header is kept that the host puts in: in one of both places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secret {
    /// A variable of the host's environment.
    pub env: Option<String>,
    /// A file; white space at its end does not count.
    pub file: Option<PathBuf>,
    /// What stands in front of it, for example `Bearer ` with the space.
    pub prefix: String,
}

/// One `[[endpoint]]`: an origin that actors of kinds with the grant `http` may call, as `sys-http/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What actors and manifests call it: 1 to 64 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// Where it is.
    pub origin: Origin,
    /// Further origins to which it may redirect, at most 16; they never get `headers`. Default none.
    #[serde(default)]
    pub redirects: Vec<Origin>,
    /// Headers that the host puts into every request, at most 16: secrets that no actor sees. Default none.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// A PEM file of the authorities that may vouch for it. Default none: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether it may be at a private, loopback or link-local address. Default false.
    #[serde(default)]
    pub private: bool,
    /// Whether it handles a request that it has seen before once only, by `Idempotency-Key`. Default false: then `post` and
    /// `patch` are not sent again when it is unknown what became of them.
    #[serde(default)]
    pub honours_key: bool,
    /// Time for one try, redirects and body included, in milliseconds, 100 to 60,000. Default 10,000.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Tries of one request, 1 to 15. Default 5.
    #[serde(default = "attempts_max")]
    pub attempts_max: u32,
    /// Largest body of a response in bytes, 1 to 256 KiB. Default 256 KiB.
    #[serde(default = "response_bytes_max")]
    pub response_bytes_max: usize,
    /// Calls of one host at the same time, 1 to 1,024. Default 16. Others wait for their turn.
    #[serde(default = "calls_max")]
    pub calls_max: usize,
    /// Failed tries in a row after which it is left in peace, 1 to 1,000. Default 5.
    #[serde(default = "failures_max")]
    pub failures_max: u32,
    /// For how long, in milliseconds, 100 to 600,000. Default 30,000. Then one call tries whether it is back.
    #[serde(default = "rest_ms")]
    pub rest_ms: u64,
}

fn timeout_ms() -> u64 {
    10_000
}

fn attempts_max() -> u32 {
    5
}

fn response_bytes_max() -> usize {
    BODY_BYTES_MAX
}

fn calls_max() -> usize {
    16
}

fn failures_max() -> u32 {
    5
}

fn rest_ms() -> u64 {
    30_000
}

/// Whether a text can be an endpoint's name.
#[must_use]
pub fn is_endpoint_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits)
}

impl Endpoint {
    /// Each number that is out of bounds, and what it may be.
    fn faults(&self) -> impl Iterator<Item = (String, String)> {
        let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let numbers = [
            ("timeout_ms", self.timeout_ms, 100, 60_000),
            ("attempts_max", self.attempts_max.into(), 1, 15),
            ("response_bytes_max", wide(self.response_bytes_max), 1, wide(BODY_BYTES_MAX)),
            ("calls_max", wide(self.calls_max), 1, 1_024),
            ("failures_max", self.failures_max.into(), 1, 1_000),
            ("rest_ms", self.rest_ms, 100, 600_000),
            ("number of redirects", wide(self.redirects.len()), 0, wide(REDIRECTS_MAX)),
            ("number of headers", wide(self.headers.len()), 0, wide(HEADERS_MAX)),
        ];
        let beyond = numbers.into_iter().filter(|(_, value, least, most)| !(least..=most).contains(&value));
        beyond.map(|(name, value, least, most)| (format!("{name} {value}"), format!("{least} to {most}")))
    }

    /// The first header that cannot be, and what one is.
    fn header_fault(&self) -> Option<(String, String)> {
        let is_word =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        self.headers.iter().find_map(|(name, secret)| {
            let bounds = match (is_word(name), secret.env.is_some() == secret.file.is_some()) {
                (false, _) => "a name of A-Z, a-z, 0-9 and -",
                (_, true) => "where its value is: { env = \"VARIABLE\" } or { file = \"PATH\" }, one of both",
                _ => return None,
            };
            Some((format!("header {name:?}"), bounds.into()))
        })
    }
}

/// All endpoints that cannot be.
pub(super) fn check(config: &Config) -> Vec<Broken> {
    let broken = |value: String, bounds: String| Broken { key: "endpoint", value, bounds };
    let (endpoints, mut all) = (&config.endpoint, Vec::new());
    if endpoints.len() > ENDPOINTS_MAX {
        all.push(broken(format!("{} endpoints", endpoints.len()), format!("at most {ENDPOINTS_MAX}")));
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        let name = &endpoint.name;
        let faults = endpoint.faults().chain(endpoint.header_fault());
        all.extend(faults.map(|(value, bounds)| broken(format!("endpoint {name:?} with {value}"), bounds)));
        if !is_endpoint_name(name) {
            all.push(broken(format!("endpoint {name:?}"), "a name of 1 to 64 of A-Z, a-z, 0-9, _ and -".into()));
        }
        if endpoints.iter().take(at).any(|other| other.name == *name) {
            all.push(broken(format!("endpoint {name:?} twice"), "one endpoint of each name".into()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(toml: &str) -> Vec<String> {
        let endpoint = toml::from_str(&format!("name = \"pay\"\norigin = \"https://a.example\"\n{toml}")).unwrap();
        let config = Config { endpoint: vec![endpoint], ..Config::default() };
        check(&config).into_iter().map(|broken| format!("{} {}", broken.value, broken.bounds)).collect()
    }

    #[test]
    fn an_endpoint_needs_a_name_and_an_origin_only() {
        assert_eq!(told(""), [""; 0]);
        assert_eq!(told("[headers]\nauthorization = { env = \"KEY\", prefix = \"Bearer \" }"), [""; 0]);
    }

    #[test]
    fn every_mistake_names_the_endpoint_and_what_may_be() {
        for (toml, part) in [
            ("timeout_ms = 99", "timeout_ms 99 100 to 60000"),
            ("attempts_max = 16", "1 to 15"),
            ("response_bytes_max = 262145", "1 to 262144"),
            ("[headers]\nx-key = {}", "one of both"),
            ("[headers]\nx-key = { env = \"A\", file = \"b\" }", "one of both"),
            ("[headers]\n\"x key\" = { env = \"A\" }", "a name of"),
        ] {
            let told = told(toml);
            assert!(told.len() == 1 && told[0].contains("\"pay\"") && told[0].contains(part), "{toml}: {told:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, shown) in [("https://a.example", "https://a.example"), ("HTTP://A.example:80/", "http://a.example")]
        {
            assert_eq!(Origin::parse(text).unwrap().to_string(), shown);
        }
        for text in
            ["", "a.example", "ftp://a", "https://a/b", "https://me:pw@a", "https://a?x", "https://a#x", "https://"]
        {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
        let origin = Origin::parse("https://a.example").unwrap();
        assert!(origin.has(&Url::parse("https://a.example:443/x?y").unwrap()));
        assert!(!origin.has(&Url::parse("http://a.example/x").unwrap()));
        assert!(!origin.has(&Url::parse("https://a.example:444/").unwrap()));
    }
}
