//! Opens a store on NATS: connects, refuses a server that lacks something, makes what is missing, starts the tasks; and ends
//! all of that. Called by the binary once at start, and by tests. Never changes or deletes a stream that is there.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::AccountErrorKind;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context, account::Account};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::blobs::Objects;
use super::connect;
use super::error::{OpenError, code, cure};
use super::log::Streams;
use super::map;
use super::names::{Names, TableName};
use super::provision::{self, Difference};
use super::publisher::Publisher;
use super::session::Session;
use super::table::Rows;
use crate::backend::{Backend, DEDUPE_WINDOW};
use crate::config;

/// The oldest version that is tested.
pub(super) const NEEDED: &str = "2.14";
/// What each version brought that Hydra needs.
const FEATURES: [((u64, u64), &str); 3] = [
    ((2, 11), "rows that expire (message TTL and delete markers)"),
    ((2, 12), "timers (message schedules)"),
    ((2, 14), "the version that Hydra is tested with"),
];

/// An open store on NATS.
pub struct Nats {
    backend: Backend,
    session: Session,
    differences: Vec<Difference>,
}

/// Connects and opens the store; makes streams, tables and the object store where they are missing.
/// `store.buckets` counts for a new system, `store.dead_letters_days` for a new stream.
///
/// # Errors
/// See [`OpenError`]: each names what to correct. No existing stream was changed.
pub async fn open(config: &config::Nats, store: &config::Store) -> Result<Nats, OpenError> {
    open_with_window(config, store, DEDUPE_WINDOW).await
}

/// As [`open`], with streams that recognise a repeated id for so long: tests have no time for more.
///
/// # Errors
/// As [`open`].
pub async fn open_with_window(
    config: &config::Nats,
    store: &config::Store,
    dedupe_window: Duration,
) -> Result<Nats, OpenError> {
    let client = connect::connect(config).await?;
    check_version(&client.server_info().version)?;
    let jetstream = jetstream(config, client.clone());
    account(&jetstream, config).await?;
    let names = Names::new(&config.system, &config.region);
    let mut differences = provision::ensure(&jetstream, vec![provision::registry(&names, config)]).await?;
    let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
    let publisher = Publisher::start(client.clone(), &tasks, ended.clone()).await?;
    let is_replicated = config.replicas > 1;
    let buckets = store.buckets;
    let incarnation = 1;
    let domain = config.domain.clone();
    let mut session =
        Session { client, jetstream, domain, publisher, names, buckets, incarnation, is_replicated, tasks, ended };
    let registry = Rows::new(&session, TableName::Registry).await?;
    let map = map::take(&registry, &session.names, store.buckets).await?;
    (session.buckets, session.incarnation) = (map.buckets, map.incarnation);
    let mut wanted = provision::wanted(&session.names, config, store, session.buckets);
    let of_messages = |stream: &&mut Config| stream.duplicate_window == DEDUPE_WINDOW;
    wanted.iter_mut().filter(of_messages).for_each(|stream| stream.duplicate_window = dedupe_window);
    if map.complete {
        provision::refuse_lost(&session.jetstream, &session.names, &wanted).await?;
    }
    differences.extend(provision::ensure(&session.jetstream, wanted).await?);
    if !map.complete {
        map::complete(&registry, &session.names).await?;
    }
    for one in &differences {
        let Difference { stream, setting, found, wanted, .. } = one;
        tracing::warn!(stream, setting, found, wanted, "a stream is not as the settings say: run hydra doctor");
    }
    // Whoever gave the streams more copies than the settings say has told the servers only.
    session.is_replicated |= differences.iter().any(|one| one.setting == provision::REPLICAS);
    // A server on its own has the only copy, whatever the settings say.
    session.is_replicated &= session.client.server_info().cluster.is_some() || config.domain.is_some();
    let backend = Backend {
        log: Arc::new(Streams::start(&session).await?),
        actors: Arc::new(Rows::new(&session, TableName::Actors).await?),
        registry: Arc::new(Rows::new(&session, TableName::Registry).await?),
        liveness: Arc::new(Rows::new(&session, TableName::Liveness).await?),
        blobs: Arc::new(Objects::new(&session).await?),
        exclusive: false,
    };
    Ok(Nats { backend, session, differences })
}

/// Whether there is a system of this name in this region. Nothing is made.
///
/// # Errors
/// As [`open`], as far as it gets.
pub async fn exists(config: &config::Nats) -> Result<bool, OpenError> {
    let client = connect::connect(config).await?;
    check_version(&client.server_info().version)?;
    let jetstream = jetstream(config, client);
    account(&jetstream, config).await?;
    let names = Names::new(&config.system, &config.region);
    Ok(provision::look(&jetstream, &names.table_stream(TableName::Actors)).await?.is_some())
}

impl Nats {
    /// The store, as the host sees it. After the close every call is answered `Closed`.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend.clone()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// How existing streams differ from what the settings say: told, never changed.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// Closes the store: ends its tasks and sends what is on its way.
    pub async fn close(self) {
        self.session.ended.cancel();
        self.session.tasks.close();
        self.session.tasks.wait().await;
        if let Err(error) = self.session.client.drain().await {
            tracing::debug!(%error, "the connection was closed already");
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.session.ended.cancel();
    }
}

/// JetStream over a connection, in the domain that the settings name.
pub(super) fn jetstream(config: &config::Nats, client: Client) -> Context {
    match &config.domain {
        Some(domain) => jetstream::with_domain(client, domain),
        None => jetstream::new(client),
    }
}

/// # Errors
/// `OpenError::Version`: it is older than [`NEEDED`].
pub(super) fn check_version(found: &str) -> Result<(), OpenError> {
    let mut numbers = found.split(|byte: char| !byte.is_ascii_digit()).map(|number| number.parse::<u64>().ok());
    let version = (numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0));
    let missing: Vec<&str> = FEATURES.iter().filter(|(since, _)| version < *since).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(OpenError::Version { found: found.into(), needed: NEEDED, missing: missing.join("; ") })
}

/// What the account may use and uses.
///
/// # Errors
/// `OpenError::NoJetStream`: it may use nothing.
pub(super) async fn account(jetstream: &Context, config: &config::Nats) -> Result<Account, OpenError> {
    jetstream.query_account().await.map_err(|error| {
        let cure = match error.kind() {
            AccountErrorKind::JetStream(refusal) => cure(u16::try_from(refusal.error_code().0).unwrap_or(0)),
            AccountErrorKind::JetStreamUnavailable if config.domain.is_some() => {
                Some("nobody answers in nats.domain (--nats-domain): correct it, or look whether its leaf node is connected")
            }
            AccountErrorKind::JetStreamUnavailable => cure(code::NOT_ENABLED),
            _ => None,
        };
        let cure = cure.unwrap_or(
            "look whether the server runs with JetStream, whether most servers of its cluster run (it takes them seconds \
             to choose a leader), whether nats.domain is right, and whether this user may publish to $JS.API.> and \
             subscribe to _INBOX.>",
        );
        OpenError::NoJetStream { reason: error.to_string(), cure }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_refused_for_what_it_lacks() {
        for good in ["2.14.0", "2.15.1", "3.0.0", "2.14.0-preview.1"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        let told = check_version("2.10.29").unwrap_err().to_string();
        assert!(told.contains("2.10.29") && told.contains("TTL") && told.contains("schedules"), "{told}");
        let told = check_version("2.12.3").unwrap_err().to_string();
        assert!(!told.contains("TTL") && told.contains("tested with"), "{told}");
        assert!(check_version("").is_err() && check_version("banana").is_err());
    }
}
