//! Looks a store on NATS over from outside, for `hydra doctor`: version, limits, streams, time and rights.
//! Tells facts; what to make of them is the doctor's. Never makes, changes or stores anything: rights are tried with
//! messages that every stream refuses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::account::Account;
use async_nats::{Client, Event, HeaderMap, ServerError};
use futures_util::future::join_all;
use tokio::sync::Notify;

use super::api::{StreamInfo, ask};
use super::copies::Copies;
use super::error::{OpenError, code};
use super::names::{Names, TableName};
use super::provision::{self, Difference};
use super::{connect, copies, headers, map, open};
use crate::clock::{Clock, Time};
use crate::config;
use crate::guard::lock;

/// A right that a server denies is not answered: after so long it is one.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// A complaint of the server about a subscription comes within this.
const COMPLAINT_LIMIT: Duration = Duration::from_millis(250);
/// The expectation that no stream meets.
const NEVER: &str = "9000000000000000000";

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The server's name.
    pub server: String,
    /// Its version.
    pub version: String,
    /// The cluster that it belongs to; none for one on its own.
    pub cluster: Option<String>,
    /// The largest message that it takes, in bytes, headers included.
    pub payload_bytes_max: usize,
    /// What the account may use.
    pub account: Usage,
    /// How many buckets there are; none while no host has run.
    pub buckets: Option<u16>,
    /// Streams that are not there.
    pub missing: Vec<String>,
    /// How the others differ from what the settings say.
    pub differences: Vec<Difference>,
    /// Streams of ours that carry something else, as text.
    pub foreign: Vec<String>,
    /// How the copies on other servers stand; none where there is one server, or nothing is there yet.
    pub copies: Option<Copies>,
    /// The server's time less this machine's; none while there is no stream to ask about.
    pub skew: Option<Skew>,
    /// What a host must be allowed to.
    pub rights: Rights,
}

/// What an account uses, and may use. None: no limit.
#[derive(Debug)]
pub struct Usage {
    /// Bytes on disk.
    pub storage: (u64, Option<u64>),
    /// Bytes in memory.
    pub memory: (u64, Option<u64>),
    /// Streams.
    pub streams: (usize, Option<usize>),
    /// Whether every stream must have a size: mailboxes have none.
    pub sizes_required: bool,
}

/// How two clocks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// How far apart they are.
    pub distance: Duration,
    /// The server's is ahead.
    pub is_ahead: bool,
    /// How wrong this may be: half of what the question took.
    pub uncertainty: Duration,
}

/// Rights, as a server's `permissions` write them.
#[derive(Debug)]
pub struct Rights {
    /// Where a host publishes.
    pub publish: Vec<String>,
    /// Where a host subscribes.
    pub subscribe: Vec<String>,
    /// Those of both that this user does not have.
    pub denied: Vec<String>,
}

/// Looks it over.
///
/// # Errors
/// There is nothing to look at: as [`super::open`].
pub async fn inspect(config: &config::Nats, store: &config::Store) -> Result<Report, OpenError> {
    let complaints = Arc::new(Complaints::default());
    let heard = Arc::clone(&complaints);
    let client = connect::connect_and_tell(config, move |event| heard.hear(event)).await?;
    let info = client.server_info();
    open::check_version(&info.version)?;
    let jetstream = open::jetstream(config, client.clone());
    let account = open::account(&jetstream, config).await?;
    let names = Names::new(&config.system, &config.region);
    let mut report = Report {
        server: info.server_name,
        version: info.version,
        cluster: info.cluster,
        payload_bytes_max: client.max_payload(),
        account: usage(&account),
        buckets: bucket_count(&jetstream, &names).await?,
        missing: Vec::new(),
        differences: Vec::new(),
        foreign: Vec::new(),
        copies: None,
        skew: skew(&jetstream, &names).await,
        rights: rights(&client, config, &names, &complaints).await,
    };
    let mut wanted = provision::wanted(&names, config, store, report.buckets.unwrap_or(store.buckets));
    wanted.push(provision::registry(&names, config));
    let looked = join_all(wanted.iter().map(|wanted| provision::look(&jetstream, &wanted.name))).await;
    let is_replicated = looked.iter().flatten().flatten().any(|found| found.num_replicas > 1);
    let mut replicated = Vec::new();
    for (wanted, found) in wanted.into_iter().zip(looked) {
        match found {
            Ok(None) => report.missing.push(wanted.name),
            Ok(Some(found)) => {
                match provision::compare(&wanted, &found) {
                    Ok(differences) => report.differences.extend(differences),
                    Err(error) => report.foreign.push(error.to_string()),
                }
                replicated.extend((found.num_replicas > 1).then_some(found.name));
            }
            // Where there are copies, one that does not answer has lost its leader.
            Err(_) if is_replicated => replicated.push(wanted.name),
            Err(error) => return Err(error),
        }
    }
    if !replicated.is_empty() {
        report.copies = Some(copies::look(&jetstream, &replicated).await);
    }
    Ok(report)
}

fn usage(account: &Account) -> Usage {
    let limit = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok());
    let limits = &account.limits;
    Usage {
        storage: (account.storage, limit(limits.max_storage)),
        memory: (account.memory, limit(limits.max_memory)),
        streams: (account.streams, limits.max_streams.and_then(|limit| usize::try_from(limit).ok())),
        sizes_required: limits.max_bytes_required,
    }
}

async fn bucket_count(jetstream: &Context, names: &Names) -> Result<Option<u16>, OpenError> {
    let name = names.table_stream(TableName::Registry);
    if provision::look(jetstream, &name).await?.is_none() {
        return Ok(None);
    }
    let key = names.bucket_map();
    let asked = serde_json::json!({ "last_by_subj": names.row(TableName::Registry, &key) });
    match ask::<Stored>(jetstream, format!("STREAM.MSG.GET.{name}"), &asked).await {
        Ok(Stored { message }) => {
            let value = data_encoding::BASE64.decode(message.data.as_bytes()).unwrap_or_default();
            map::read(&key, &value).map(Some)
        }
        Err(failure) if failure.is(code::NO_MESSAGE) => Ok(None),
        Err(failure) => Err(OpenError::Store(failure.into())),
    }
}

#[derive(serde::Deserialize)]
struct Stored {
    message: StoredMessage,
}

#[derive(serde::Deserialize)]
struct StoredMessage {
    #[serde(default)]
    data: String,
}

/// The server tells its time with a stream's state; without a stream of ours it is not known.
async fn skew(jetstream: &Context, names: &Names) -> Option<Skew> {
    let clock = Clock::system(Time::default());
    let asked = clock.now();
    let name = names.table_stream(TableName::Registry);
    let answer = ask::<StreamInfo>(jetstream, format!("STREAM.INFO.{name}"), &()).await.ok()?;
    let heard = clock.now();
    let stamp: jiff::Timestamp = answer.ts?.parse().ok()?;
    let server = Time(u64::try_from(stamp.as_millisecond()).ok()?);
    let uncertainty = asked.distance(heard) / 2;
    let middle = asked.plus(uncertainty);
    Some(Skew { distance: server.distance(middle), is_ahead: server > middle, uncertainty })
}

/// What the server said unasked.
#[derive(Default)]
struct Complaints {
    texts: Mutex<Vec<String>>,
    heard: Notify,
}

impl Complaints {
    fn hear(&self, event: &Event) {
        if let Event::ServerError(ServerError::Other(text)) = event {
            lock(&self.texts).push(text.to_lowercase());
            self.heard.notify_one();
        }
    }

    fn is_about(&self, subject: &str) -> bool {
        let quoted = format!("\"{}\"", subject.to_lowercase());
        lock(&self.texts).iter().any(|text| text.contains("permissions violation") && text.contains(&quoted))
    }
}

/// Tries every right: the server complains about each that it denies, and says nothing about the others.
async fn rights(client: &Client, config: &config::Nats, names: &Names, complaints: &Complaints) -> Rights {
    let (publishes, subscribes) = (names.host_publishes(config.domain.as_deref()), names.host_subscribes());
    let mut subscriptions = Vec::new();
    for (_, probe) in &subscribes {
        // Kept until the end, so that the server has looked at it.
        subscriptions.push(client.subscribe(probe.clone()).await);
    }
    let probes = publishes.iter().map(|(_, probe)| {
        let mut never = HeaderMap::new();
        headers::append(&mut never, "Nats-Expected-Last-Sequence", NEVER);
        let request = async_nats::Request::new().headers(never).timeout(Some(ANSWER_LIMIT));
        client.send_request(probe.clone(), request)
    });
    join_all(probes).await;
    let _ = tokio::time::timeout(COMPLAINT_LIMIT, complaints.heard.notified()).await;
    let denied = |what: &'static str, subjects: &[(String, String)]| {
        let denied = subjects.iter().filter(|(_, probe)| complaints.is_about(probe));
        denied.map(|(subject, _)| format!("{what} {subject}")).collect::<Vec<String>>()
    };
    let all_denied = [denied("publish", &publishes), denied("subscribe", &subscribes)].concat();
    let subjects = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(subject, _)| subject).collect();
    Rights { denied: all_denied, publish: subjects(publishes), subscribe: subjects(subscribes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_about_the_subject_that_it_names() {
        let complaints = Complaints::default();
        let text = "Permissions Violation for Publish to \"$KV.hydra_registry.doctor\"".to_owned();
        complaints.hear(&Event::ServerError(ServerError::Other(text)));
        assert!(complaints.is_about("$KV.hydra_registry.doctor"));
        assert!(!complaints.is_about("$KV.hydra_registry") && !complaints.is_about("doctor"));
    }
}
