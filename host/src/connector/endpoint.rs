//! The endpoints of this host, ready to be called: each with its client, its secrets, its breaker, and room for so many calls.
//! Made once at the start, by whoever puts a host together; used by `handler`.
//! Never shows a secret: values are marked as sensitive as soon as they are read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Host;

use super::address::is_public;
use super::breaker::{Breaker, State};
use super::resolver::Resolver;
use crate::config;
use crate::guard::lock;

/// How long a connection that nobody uses is kept.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Largest file with a secret or with certificates, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why an endpoint cannot be called at all. The operator corrects the settings; the host does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A header's value is not where the settings say.
    #[error("endpoint {endpoint}: header {header}: {reason}")]
    Secret {
        /// Which endpoint.
        endpoint: String,
        /// Which header.
        header: String,
        /// What is wrong with it, without its value.
        reason: String,
    },
    /// The authorities' certificates cannot be read.
    #[error("endpoint {endpoint}: ca_file {file}: {reason}")]
    Authorities {
        /// Which endpoint.
        endpoint: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An origin is a private address, and that is not granted.
    #[error("endpoint {endpoint}: {origin} is a private address: set `private = true` if that is meant")]
    Private {
        /// Which endpoint.
        endpoint: String,
        /// The origin.
        origin: String,
    },
    /// The HTTP client cannot be made.
    #[error("endpoint {endpoint}: cannot prepare the HTTP client")]
    Client {
        /// Which endpoint.
        endpoint: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// All endpoints of a host, by name. Shared.
#[derive(Clone, Default)]
pub struct Endpoints(Arc<BTreeMap<String, Endpoint>>);

/// How an endpoint does, as this host sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub origin: String,
    /// Whether calls reach it.
    pub breaker: State,
    /// Failed tries in a row.
    pub failures: u32,
    /// Calls at this moment.
    pub calls: usize,
    /// Calls at the same time at most.
    pub calls_max: usize,
}

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) settings: config::Endpoint,
    pub(super) client: Client,
    /// What the host puts into every request to `settings.origin`, and into no other.
    pub(super) secrets: HeaderMap,
    /// Each call holds one.
    pub(super) room: Semaphore,
    breaker: Mutex<Breaker>,
}

impl Endpoints {
    /// Reads the secrets and certificates of all endpoints. Nobody is called.
    ///
    /// # Errors
    /// [`Error`]: do not start; a human corrects the settings.
    pub fn open(settings: &[config::Endpoint]) -> Result<Self, Error> {
        let all = settings.iter().map(|one| Ok((one.name.clone(), Endpoint::open(one)?)));
        Ok(Self(Arc::new(all.collect::<Result<_, Error>>()?)))
    }

    /// How they do.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.0.values().map(Endpoint::status).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Endpoint> {
        self.0.get(name)
    }
}

impl Endpoint {
    fn open(settings: &config::Endpoint) -> Result<Self, Error> {
        check_addresses(settings)?;
        Ok(Self {
            client: client(settings)?,
            secrets: secrets(settings)?,
            room: Semaphore::new(settings.calls_max),
            breaker: Mutex::new(Breaker::new(settings.failures_max, Duration::from_millis(settings.rest_ms))),
            settings: settings.clone(),
        })
    }

    /// Whether a call may be made now; otherwise for how long to wait.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        lock(&self.breaker).admit(now).map_err(|until| until - now)
    }

    /// Notes how a try went: whether the endpoint is there and well.
    pub(super) fn note(&self, is_well: bool) {
        let endpoint = &self.settings.name;
        if is_well {
            if lock(&self.breaker).succeed() {
                tracing::info!(endpoint, "an endpoint is back");
            }
        } else if lock(&self.breaker).fail(Instant::now()) {
            let rest_ms = self.settings.rest_ms;
            tracing::warn!(endpoint, rest_ms, "an endpoint fails again and again: it is left in peace for a while");
        }
    }

    fn status(&self) -> Status {
        let breaker = lock(&self.breaker);
        Status {
            name: self.settings.name.clone(),
            origin: self.settings.origin.to_string(),
            breaker: breaker.state(Instant::now()),
            failures: breaker.failures(),
            calls: self.settings.calls_max.saturating_sub(self.room.available_permits()),
            calls_max: self.settings.calls_max,
        }
    }
}

/// An origin that is an address never comes to the resolver.
fn check_addresses(settings: &config::Endpoint) -> Result<(), Error> {
    let is_private = |origin: &&config::Origin| match origin.url().host() {
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        _ => false,
    };
    let mut origins = std::iter::once(&settings.origin).chain(&settings.redirects);
    match origins.find(is_private).filter(|_| !settings.private) {
        Some(origin) => Err(Error::Private { endpoint: settings.name.clone(), origin: origin.to_string() }),
        None => Ok(()),
    }
}

fn client(settings: &config::Endpoint) -> Result<Client, Error> {
    // A second installation is refused and means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        // Redirects are followed by `exchange`, which knows what may go where; a proxy would resolve names by itself.
        .redirect(Policy::none())
        .no_proxy()
        .dns_resolver(Resolver { private: settings.private })
        .connect_timeout(Duration::from_millis(settings.timeout_ms / 2))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(settings.calls_max)
        .user_agent(concat!("hydra/", env!("CARGO_PKG_VERSION")));
    let uses_tls = std::iter::once(&settings.origin).chain(&settings.redirects).any(|to| to.url().scheme() == "https");
    if let Some(file) = &settings.ca_file {
        builder = builder.tls_certs_only(authorities(settings, file)?);
    } else if !uses_tls {
        // Reading the machine's certificates takes longer than a request and may fail where there are none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|source| Error::Client { endpoint: settings.name.clone(), source })
}

fn authorities(settings: &config::Endpoint, file: &Path) -> Result<Vec<Certificate>, Error> {
    let wrong = |reason: String| {
        let (endpoint, file) = (settings.name.clone(), file.display().to_string());
        Error::Authorities { endpoint, file, reason }
    };
    let text = read(file).map_err(&wrong)?;
    let found = Certificate::from_pem_bundle(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("it has no certificate in PEM".into())) } else { Ok(found) }
}

fn secrets(settings: &config::Endpoint) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (header, secret) in &settings.headers {
        let wrong = |reason: String| Error::Secret { endpoint: settings.name.clone(), header: header.clone(), reason };
        let text = match (&secret.env, &secret.file) {
            (Some(variable), _) => std::env::var(variable).map_err(|error| format!("variable {variable}: {error}")),
            (None, Some(file)) => read(file).map_err(|error| format!("file {}: {error}", file.display())),
            (None, None) => Err("it has neither env nor file".into()),
        };
        let text = text.map_err(&wrong)?;
        let name = HeaderName::try_from(header).map_err(|error| wrong(error.to_string()))?;
        let value = HeaderValue::try_from(format!("{}{}", secret.prefix, text.trim_end()));
        let mut value = value.map_err(|_| wrong("its value has characters that a header cannot have".into()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A small text file.
fn read(file: &Path) -> Result<String, String> {
    let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("it is {size} bytes, at most {FILE_BYTES_MAX} are read"));
    }
    std::fs::read_to_string(file).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(toml: &str) -> Result<Endpoint, Error> {
        Endpoint::open(&toml::from_str(&format!("name = \"pay\"\n{toml}")).unwrap())
    }

    fn told(toml: &str) -> String {
        open(toml).err().unwrap().to_string()
    }

    #[test]
    fn a_private_address_has_to_be_granted() {
        for host in ["127.0.0.1:80", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "2130706433"] {
            let origin = format!("origin = \"http://{host}\"");
            assert!(told(&origin).contains("private = true"), "{host}");
            assert!(open(&format!("{origin}\nprivate = true")).is_ok());
            let redirects = format!("origin = \"http://a.example\"\nredirects = [\"http://{host}\"]");
            assert!(told(&redirects).contains("private = true"), "{host}");
        }
    }

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "s3cret\n").unwrap();
        let origin = "origin = \"http://a.example\"\n[headers]\nauthorization = ";
        let endpoint = open(&format!("{origin}{{ file = {file:?}, prefix = \"Bearer \" }}")).unwrap();
        assert_eq!(endpoint.secrets["authorization"], "Bearer s3cret");
        assert!(!format!("{:?}", endpoint.secrets).contains("s3cret"));
        assert!(told(&format!("{origin}{{ file = \"no/such\" }}")).contains("header authorization: file no/such"));
        assert!(told(&format!("{origin}{{ env = \"NO_SUCH_VARIABLE\" }}")).contains("variable NO_SUCH_VARIABLE"));
        std::fs::write(&file, "s3\ncret").unwrap();
        let told = told(&format!("{origin}{{ file = {file:?} }}"));
        assert!(told.contains("cannot have") && !told.contains("cret"), "{told}");
    }
}
