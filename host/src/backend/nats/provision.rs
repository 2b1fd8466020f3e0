//! Which streams there must be, and how those that are there differ. What is missing is made; what is there is never changed
//! and never deleted: a difference is told, and a human decides. Called by `open` and by `inspect`.
//! Deciding is pure (`wanted`, `compare`); asking and making is below it.

use std::time::Duration;

use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::error::{OpenError, code, cure};
use super::names::{Names, TableName};
use crate::backend::{DEDUPE_WINDOW, HEADERS_BYTES_MAX, VALUE_BYTES_MAX};
use crate::config;
use crate::id::BucketId;

/// How long the place of a deleted or expired row stays marked, so that whoever watches learns of it.
pub(super) const MARKERS_KEPT: Duration = Duration::from_secs(60);
/// The setting that says how many servers keep a stream.
pub(super) const REPLICAS: &str = "num_replicas";
/// Streams that are asked for or made at once.
const AT_ONCE: usize = 8;
/// No limit.
const UNLIMITED: i64 = -1;
/// The largest message of a stream: a value and its headers, and the server's own headers beside them.
const MESSAGE_BYTES_MAX: usize = VALUE_BYTES_MAX + HEADERS_BYTES_MAX + (16 << 10);

/// How a stream differs from what the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which stream.
    pub stream: String,
    /// Which of its settings, as the server calls it.
    pub setting: &'static str,
    /// What it is.
    pub found: String,
    /// What the settings say.
    pub wanted: String,
    /// What comes of it, when it is more than a matter of size.
    pub danger: Option<&'static str>,
}

/// Every stream that a host needs.
pub(super) fn wanted(names: &Names, config: &config::Nats, store: &config::Store, buckets: u16) -> Vec<Config> {
    let mut wanted: Vec<Config> = (0..buckets).map(|number| bucket(names, config, number, buckets)).collect();
    let bytes = |size: u64| if size == 0 { UNLIMITED } else { i64::try_from(size).unwrap_or(i64::MAX) };
    wanted.push(Config {
        max_age: Duration::from_secs(u64::from(store.dead_letters_days) * 24 * 60 * 60),
        max_bytes: bytes(config.dead_letters_bytes_max),
        discard: DiscardPolicy::Old,
        ..stream(config, names.dead_letter_stream(), vec![names.dead_letters()], "Hydra: dead letters")
    });
    wanted.push(stream(config, names.parked_stream(), vec![names.all_parked()], "Hydra: messages of actors that wait"));
    wanted.push(Config {
        max_bytes: bytes(config.actors_bytes_max),
        ..table(names, config, TableName::Actors, "Hydra: records of actors, and who owns which bucket")
    });
    // Few rows that end by themselves; not in memory, or a server that is started again would have lost the table itself.
    wanted.push(table(names, config, TableName::Liveness, "Hydra: which nodes live"));
    wanted.push(Config {
        allow_rollup: true,
        // Asked of the leader: what another host has just deployed must be there.
        allow_direct: false,
        max_message_size: -1,
        duplicate_window: Duration::from_secs(120),
        ..stream(config, names.components_stream(), names.components_subjects(), "Hydra: components by digest")
    });
    wanted
}

/// The table that tells how the slots are divided: needed before all others.
pub(super) fn registry(names: &Names, config: &config::Nats) -> Config {
    table(names, config, TableName::Registry, "Hydra: kinds, and how the slots are divided")
}

/// A mailbox stream has neither an age nor a size: one that forgets loses messages, one that refuses deadlocks outboxes.
fn bucket(names: &Names, config: &config::Nats, number: u16, buckets: u16) -> Config {
    let name = names.bucket_stream(BucketId { number, incarnation: 1 });
    stream(config, name, names.bucket_subjects(number, buckets), "Hydra: mailboxes of one bucket")
}

fn stream(config: &config::Nats, name: String, subjects: Vec<String>, description: &str) -> Config {
    Config {
        name,
        subjects,
        description: Some(description.into()),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: UNLIMITED,
        max_messages: UNLIMITED,
        max_messages_per_subject: UNLIMITED,
        max_message_size: i32::try_from(MESSAGE_BYTES_MAX).unwrap_or(i32::MAX),
        max_consumers: -1,
        storage: match config.storage {
            config::Storage::File => StorageType::File,
            config::Storage::Memory => StorageType::Memory,
        },
        num_replicas: config.replicas,
        duplicate_window: DEDUPE_WINDOW,
        allow_direct: true,
        ..Config::default()
    }
}

/// As `nats kv` makes them, so that every NATS client reads them as what they are.
fn table(names: &Names, config: &config::Nats, table: TableName, description: &str) -> Config {
    Config {
        max_messages_per_subject: 1,
        allow_rollup: true,
        deny_delete: true,
        duplicate_window: Duration::from_secs(120),
        allow_message_ttl: true,
        subject_delete_marker_ttl: Some(MARKERS_KEPT),
        ..stream(config, names.table_stream(table), vec![names.rows(table)], description)
    }
}

/// How a stream that is there differs from the one that is wanted.
///
/// # Errors
/// `OpenError::Foreign`: it carries something else.
pub(super) fn compare(wanted: &Config, found: &Config) -> Result<Vec<Difference>, OpenError> {
    let sorted = |config: &Config| {
        let mut subjects = config.subjects.clone();
        subjects.sort();
        subjects
    };
    let (there, needed) = (sorted(found), sorted(wanted));
    if there != needed || found.mirror.is_some() {
        let stream = wanted.name.clone();
        return Err(OpenError::Foreign { stream, found: there.join(", "), wanted: needed.join(", ") });
    }
    Ok(differences(wanted, found))
}

fn differences(wanted: &Config, found: &Config) -> Vec<Difference> {
    let limit = |size: i64| if size <= 0 { "no limit".to_owned() } else { size.to_string() };
    let span =
        |span: Duration| if span.is_zero() { "no limit".to_owned() } else { format!("{} s", span.as_secs_f64()) };
    let retention = |config: &Config| format!("{:?}", config.retention).to_lowercase();
    let storage = |config: &Config| format!("{:?}", config.storage).to_lowercase();
    let discard = |config: &Config| format!("{:?}", config.discard).to_lowercase();
    let markers = |config: &Config| span(config.subject_delete_marker_ttl.unwrap_or_default());
    let loses = Some("messages that nobody has handled yet can be lost");
    let refuses = Some("the host cannot write it");
    let pairs: [(&'static str, String, String, Option<&'static str>); 17] = [
        (REPLICAS, found.num_replicas.to_string(), wanted.num_replicas.to_string(), None),
        ("storage", storage(found), storage(wanted), None),
        ("retention", retention(found), retention(wanted), loses),
        ("discard", discard(found), discard(wanted), loses),
        ("max_age", span(found.max_age), span(wanted.max_age), loses),
        ("max_bytes", limit(found.max_bytes), limit(wanted.max_bytes), None),
        ("max_msgs", limit(found.max_messages), limit(wanted.max_messages), loses),
        ("max_msgs_per_subject", limit(found.max_messages_per_subject), limit(wanted.max_messages_per_subject), loses),
        ("max_msg_size", limit(found.max_message_size.into()), limit(wanted.max_message_size.into()), None),
        ("duplicate_window", span(found.duplicate_window), span(wanted.duplicate_window), None),
        ("allow_direct", found.allow_direct.to_string(), wanted.allow_direct.to_string(), Some("rows cannot be read")),
        ("allow_rollup_hdrs", found.allow_rollup.to_string(), wanted.allow_rollup.to_string(), None),
        ("allow_msg_ttl", found.allow_message_ttl.to_string(), wanted.allow_message_ttl.to_string(), refuses),
        ("subject_delete_marker_ttl", markers(found), markers(wanted), Some("the end of a row is noticed late")),
        (
            "deny_purge",
            found.deny_purge.to_string(),
            wanted.deny_purge.to_string(),
            Some("handled messages stay for ever"),
        ),
        ("sealed", found.sealed.to_string(), wanted.sealed.to_string(), refuses),
        ("no_ack", found.no_ack.to_string(), wanted.no_ack.to_string(), refuses),
    ];
    let different = pairs.into_iter().filter(|(_, found, wanted, _)| found != wanted);
    different
        .map(|(setting, found, needed, danger)| Difference {
            stream: wanted.name.clone(),
            setting,
            found,
            wanted: needed,
            danger,
        })
        .collect()
}

/// Makes every stream that is missing; says how the others differ.
///
/// # Errors
/// `OpenError::Foreign`, `OpenError::Provision`: what was made until then stays.
pub(super) async fn ensure(jetstream: &Context, wanted: Vec<Config>) -> Result<Vec<Difference>, OpenError> {
    let each = futures_util::stream::iter(wanted).map(|wanted| ensure_one(jetstream, wanted));
    let differences: Vec<Vec<Difference>> = each.buffered(AT_ONCE).try_collect().await?;
    Ok(differences.concat())
}

async fn ensure_one(jetstream: &Context, wanted: Config) -> Result<Vec<Difference>, OpenError> {
    if let Some(found) = look(jetstream, &wanted.name).await? {
        return compare(&wanted, &found);
    }
    tracing::info!(stream = wanted.name, "making a stream");
    let error = match jetstream.create_stream(&wanted).await {
        Ok(_) => return Ok(Vec::new()),
        Err(error) => error,
    };
    if let CreateStreamErrorKind::JetStream(refusal) = error.kind() {
        let code = u16::try_from(refusal.error_code().0).unwrap_or(0);
        if code == code::NAME_IN_USE {
            // Another host was faster, with other settings.
            let found = look(jetstream, &wanted.name).await?;
            return found.map_or_else(|| Ok(Vec::new()), |found| compare(&wanted, &found));
        }
        let cure = cure(code).map(|cure| format!(": {cure}")).unwrap_or_default();
        return Err(OpenError::Provision { stream: wanted.name, reason: format!("{refusal}{cure}") });
    }
    let reason = format!("{error}: has this user the right to publish to $JS.API.> and to subscribe to _INBOX.>?");
    Err(OpenError::Provision { stream: wanted.name, reason })
}

/// How a stream is set up; none if there is none.
///
/// # Errors
/// `OpenError::Provision`: the server did not say.
pub(super) async fn look(jetstream: &Context, name: &str) -> Result<Option<Config>, OpenError> {
    use jetstream::context::GetStreamErrorKind;
    match jetstream.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(refusal) if refusal.error_code().0 == u64::from(code::STREAM_NOT_FOUND) => {
                Ok(None)
            }
            _ => Err(OpenError::Provision {
                stream: name.into(),
                reason: format!("cannot look whether it is there: {error}"),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Config> {
        let names = Names::new("hydra", "local");
        let (nats, store) = (config::Nats::default(), config::Store::default());
        let mut all = wanted(&names, &nats, &store, 16);
        all.push(registry(&names, &nats));
        all
    }

    #[test]
    fn mailboxes_never_forget_and_tables_keep_one_row_a_key() {
        let all = all();
        assert_eq!(all.len(), 22);
        for stream in all.iter().filter(|stream| stream.name.contains("_B_")) {
            assert!(stream.max_age.is_zero() && stream.max_bytes == UNLIMITED && stream.max_messages == UNLIMITED);
            assert!(stream.retention == RetentionPolicy::Limits && !stream.allow_rollup && !stream.allow_message_ttl);
        }
        for table in all.iter().filter(|stream| stream.name.starts_with("KV_")) {
            assert!(
                table.max_messages_per_subject == 1 && table.allow_message_ttl && table.discard == DiscardPolicy::New
            );
            assert_eq!(table.storage, StorageType::File);
        }
    }

    #[test]
    fn no_two_streams_take_one_subject() {
        let mut subjects: Vec<String> = all().into_iter().flat_map(|stream| stream.subjects).collect();
        let count = subjects.len();
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), count);
    }

    #[test]
    fn a_stream_as_wanted_does_not_differ() {
        for wanted in all() {
            // As a server tells it: descriptions, metadata and the order of subjects are nobody's business.
            let mut found = Config { description: None, ..wanted.clone() };
            found.subjects.reverse();
            found.metadata.insert("_nats.level".into(), "4".into());
            assert_eq!(compare(&wanted, &found).unwrap(), [], "{}", wanted.name);
        }
    }

    #[test]
    fn every_difference_is_told_with_both_values() {
        let wanted = all().remove(0);
        let found = Config { num_replicas: 3, max_age: Duration::from_secs(60), ..wanted.clone() };
        let told: Vec<_> = compare(&wanted, &found).unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.setting, one.found.as_str(), one.wanted.as_str())).collect();
        assert_eq!(told, [("num_replicas", "3", "1"), ("max_age", "60 s", "no limit")]);
    }

    #[test]
    fn a_stream_with_other_subjects_is_not_ours() {
        let wanted = all().remove(0);
        let found = Config { subjects: vec!["orders.>".into()], ..wanted.clone() };
        let error = compare(&wanted, &found).unwrap_err().to_string();
        assert!(
            error.contains("hydra_local_B_00") && error.contains("orders.>") && error.contains("nats.system"),
            "{error}"
        );
    }
}
