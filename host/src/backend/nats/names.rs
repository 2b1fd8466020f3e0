//! Every name that Hydra uses on NATS: streams, their subjects, tables, keys, consumers, and what a role may do with them.
//! Pure; used by everything beside it. No other file puts a subject together, and what is stored under these names
//! outlives a version, so a change here needs a step of the protocol.

use crate::id::{ActorId, BucketId, Epoch, SLOTS};

/// Wildcard subjects of one bucket at the most, however the slots are divided.
#[cfg(test)]
const BUCKET_SUBJECTS_MAX: usize = 8;
/// Begins the names of a bucket's own consumers; every other consumer is foreign, and its floor means nothing.
const CONSUMER: &str = "hydra-e";
/// The last word of a notice's subject.
const CHANNEL_END: &str = "_";
/// Hexadecimal digits of a slot, each a word of the subject.
const DIGITS: usize = 3;

/// The names of one system in one region. Cheap enough to clone; kept by whoever builds subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    system: String,
    region: String,
}

/// The tables there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableName {
    /// Records and ownership, of the region.
    Actors,
    /// Kinds, settings, the map of buckets; of the whole system.
    Registry,
    /// Living nodes, of the region.
    Liveness,
}

impl TableName {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Actors, Self::Registry, Self::Liveness];
}

impl Names {
    /// Both are `[a-z][a-z0-9]{0,31}`: the settings were checked.
    pub(super) fn new(system: &str, region: &str) -> Self {
        Self { system: system.into(), region: region.into() }
    }

    // Messages.

    /// Where a message to an actor goes: publishers know slots, never buckets.
    pub(super) fn message(&self, to: &ActorId) -> String {
        format!("{}.msg.{}.{}", self.prefix(), to.slot(), actor_words(to))
    }

    /// Whose message a subject is. None: not of the form, not canonical, or in the wrong slot; such a message would make
    /// two owners share one record.
    pub(super) fn receiver(&self, subject: &str) -> Option<ActorId> {
        let rest = self.below(subject, "msg")?;
        let (end_of_slot, _) = rest.match_indices('.').nth(2)?;
        let (slot, actor) = (rest.get(..end_of_slot)?, rest.get(end_of_slot + 1..)?);
        actor_of_words(actor).filter(|actor| actor.slot().to_string() == slot)
    }

    /// The stream of a bucket.
    pub(super) fn bucket_stream(&self, bucket: BucketId) -> String {
        format!("{}_{}_B_{:02x}", self.system, self.region, bucket.number)
    }

    /// The subjects of one of `buckets` equal shares of the slots; `buckets` is a power of two, 256 at most.
    /// Whole words only, so that a subject with a word too many is stored nowhere and its publisher told so.
    pub(super) fn bucket_subjects(&self, number: u16, buckets: u16) -> Vec<String> {
        let slots = SLOTS / buckets.clamp(1, 256);
        let first = number.saturating_mul(slots);
        // So many digits at the end take every value: they are wildcards.
        let open = (0..=DIGITS).rfind(|digits| slots >> (4 * digits) > 0).unwrap_or(0);
        let step = 1_u16 << (4 * open);
        let subject = |slot: u16| {
            let digits = format!("{slot:03x}");
            let known = digits.chars().take(DIGITS - open).map(String::from);
            let words: Vec<String> = known.chain(std::iter::repeat_n("*".into(), open)).collect();
            format!("{}.msg.{}.*.*", self.prefix(), words.join("."))
        };
        (0..slots / step).map(|share| subject(first + share * step)).collect()
    }

    /// The consumer of a bucket's owner.
    pub(super) fn consumer(epoch: Epoch) -> String {
        format!("{CONSUMER}{epoch}")
    }

    /// Whose consumer this is; none: not one of ours.
    pub(super) fn consumer_epoch(name: &str) -> Option<Epoch> {
        let epoch = name.strip_prefix(CONSUMER)?.parse().ok()?;
        (Self::consumer(epoch) == name).then_some(epoch)
    }

    // Dead letters.

    /// The stream of dead letters.
    pub(super) fn dead_letter_stream(&self) -> String {
        format!("{}_{}_DLQ", self.system, self.region)
    }

    /// Where a dead letter of an actor goes.
    pub(super) fn dead_letter(&self, of: &ActorId) -> String {
        format!("{}.dlq.{}", self.prefix(), actor_words(of))
    }

    /// Whose dead letter a subject is.
    pub(super) fn dead_letter_of(&self, subject: &str) -> Option<ActorId> {
        actor_of_words(self.below(subject, "dlq")?)
    }

    /// All dead letters.
    pub(super) fn dead_letters(&self) -> String {
        format!("{}.dlq.*.*", self.prefix())
    }

    // Parked messages.

    /// The stream of parked messages.
    pub(super) fn parked_stream(&self) -> String {
        format!("{}_{}_PARKED", self.system, self.region)
    }

    /// Where a parked message of an actor goes.
    pub(super) fn parked(&self, of: &ActorId) -> String {
        format!("{}.parked.{}", self.prefix(), actor_words(of))
    }

    /// Whose parked message a subject is.
    pub(super) fn parked_of(&self, subject: &str) -> Option<ActorId> {
        actor_of_words(self.below(subject, "parked")?)
    }

    /// All parked messages.
    pub(super) fn all_parked(&self) -> String {
        format!("{}.parked.*.*", self.prefix())
    }

    // Notices: over core NATS, stored nowhere.

    /// Where a notice on a channel goes. The last word stands there so that one wildcard takes a channel and all below it.
    pub(super) fn notice(&self, channel: &str) -> String {
        format!("{}.notice.{channel}.{CHANNEL_END}", self.prefix())
    }

    /// The channel that a subject carries.
    pub(super) fn channel<'a>(&self, subject: &'a str) -> Option<&'a str> {
        self.below(subject, "notice")?.strip_suffix(CHANNEL_END)?.strip_suffix('.')
    }

    /// Where followers say which channels they follow.
    pub(super) fn interest(&self) -> String {
        format!("{}.interest", self.prefix())
    }

    /// What to subscribe to for the channels that begin with these words.
    pub(super) fn notices(&self, prefix: &str) -> String {
        let words = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
        format!("{}.notice.{words}>", self.prefix())
    }

    // Calls.

    /// What to subscribe to for calls of one verb: `send` or `ask`.
    pub(super) fn calls(&self, verb: &str) -> String {
        format!("{}.{verb}.>", self.prefix())
    }

    /// What a call's subject names: `KIND.ID.SUBJECT`, unchecked.
    pub(super) fn call<'a>(&self, subject: &'a str, verb: &str) -> Option<&'a str> {
        self.below(subject, verb)
    }

    // Tables and blobs.

    /// A table's own name, as `nats kv` shows it.
    pub(super) fn table(&self, table: TableName) -> String {
        match table {
            TableName::Actors => format!("{}_{}_actors", self.system, self.region),
            TableName::Liveness => format!("{}_{}_liveness", self.system, self.region),
            TableName::Registry => format!("{}_registry", self.system),
        }
    }

    /// The stream below a table.
    pub(super) fn table_stream(&self, table: TableName) -> String {
        format!("KV_{}", self.table(table))
    }

    /// Where a row is written. Keys are words of `[A-Za-z0-9_=-]` joined by dots, so each key is a subject as it is.
    pub(super) fn row(&self, table: TableName, key: &str) -> String {
        format!("$KV.{}.{key}", self.table(table))
    }

    /// All rows of a table.
    pub(super) fn rows(&self, table: TableName) -> String {
        self.row(table, ">")
    }

    /// The key of a row's subject.
    pub(super) fn key<'a>(&self, table: TableName, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix("$KV.")?.strip_prefix(self.table(table).as_str())?.strip_prefix('.')
    }

    /// The object store of components, as `nats object` shows it.
    pub(super) fn components(&self) -> String {
        format!("{}_components", self.system)
    }

    /// The stream below the object store.
    pub(super) fn components_stream(&self) -> String {
        format!("OBJ_{}", self.components())
    }

    /// The subjects of the object store: chunks and descriptions.
    pub(super) fn components_subjects(&self) -> Vec<String> {
        ["C", "M"].map(|part| format!("$O.{}.{part}.>", self.components())).into()
    }

    /// Key of this region's map of buckets, in the registry.
    pub(super) fn bucket_map(&self) -> String {
        format!("buckets.{}", self.region)
    }

    // Rights.

    /// What the subjects of JetStream's API begin with.
    fn api(domain: Option<&str>) -> String {
        domain.map_or_else(|| "$JS.API.".to_owned(), |domain| format!("$JS.{domain}.API."))
    }

    /// Where a row is published: in a domain by way of its API, since leaf connections pass no rows themselves.
    pub(super) fn to_row(domain: Option<&str>, row: String) -> String {
        domain.map_or(row.clone(), |domain| Self::api(Some(domain)) + &row)
    }

    /// Where a host publishes, as a server's `permissions` write it, each with a subject of that kind that stores nothing
    /// when it is published to with an expectation that never holds.
    pub(super) fn host_publishes(&self, domain: Option<&str>) -> Vec<(String, String)> {
        let all = |prefix: String, probe: &str| (format!("{prefix}>"), format!("{prefix}{probe}"));
        let mut subjects = vec![all(format!("{}.", self.prefix()), "msg.0.0.0.sys-doctor.probe")];
        subjects.push(all(Self::api(domain), "INFO"));
        subjects.push(all("$JS.ACK.".into(), "doctor"));
        if domain.is_none() {
            subjects.extend(TableName::ALL.map(|table| all(self.row(table, ""), "doctor")));
        }
        subjects.extend(["C", "M"].map(|part| all(format!("$O.{}.{part}.", self.components()), "doctor")));
        subjects
    }

    /// Where a host subscribes, each with a subject of that kind.
    pub(super) fn host_subscribes(&self) -> Vec<(String, String)> {
        let all = |prefix: String| (format!("{prefix}>"), format!("{prefix}doctor"));
        vec![all(format!("{}.", self.prefix())), all("_INBOX.".into())]
    }

    fn prefix(&self) -> String {
        format!("{}.{}", self.system, self.region)
    }

    fn below<'a>(&self, subject: &'a str, word: &str) -> Option<&'a str> {
        let rest = subject.strip_prefix(self.system.as_str())?.strip_prefix('.')?;
        rest.strip_prefix(self.region.as_str())?.strip_prefix('.')?.strip_prefix(word)?.strip_prefix('.')
    }
}

/// `KIND.ID`, two words.
fn actor_words(actor: &ActorId) -> String {
    actor.escaped().replacen('/', ".", 1)
}

fn actor_of_words(words: &str) -> Option<ActorId> {
    ActorId::parse_escaped(&words.replacen('.', "/", 1)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Kind;

    fn names() -> Names {
        Names::new("hydra", "local")
    }

    /// Whether a subject with wildcards takes a subject.
    fn takes(pattern: &str, subject: &str) -> bool {
        let (pattern, subject): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), subject.split('.').collect());
        pattern.len() == subject.len() && pattern.iter().zip(&subject).all(|(one, other)| *one == "*" || one == other)
    }

    proptest! {
        #[test]
        fn every_message_goes_to_the_bucket_of_its_actor_and_to_no_other(id in "\\PC{1,40}", exponent in 0_u32..=8) {
            let actor = ActorId::new(Kind::new("counter").unwrap(), &id).unwrap();
            let (subject, buckets) = (names().message(&actor), 1_u16 << exponent);
            let takers: Vec<u16> = (0..buckets)
                .filter(|number| names().bucket_subjects(*number, buckets).iter().any(|one| takes(one, &subject)))
                .collect();
            prop_assert_eq!(takers, [actor.slot().bucket_number(buckets)]);
            prop_assert_eq!(names().receiver(&subject), Some(actor));
        }

        #[test]
        fn other_actors_queues_read_back_too(id in "\\PC{1,40}") {
            let actor = ActorId::new(Kind::new("counter").unwrap(), &id).unwrap();
            prop_assert_eq!(names().dead_letter_of(&names().dead_letter(&actor)), Some(actor.clone()));
            prop_assert_eq!(names().parked_of(&names().parked(&actor)), Some(actor));
        }
    }

    #[test]
    fn a_bucket_is_few_subjects_however_the_slots_are_divided() {
        for buckets in (0..=8).map(|exponent| 1_u16 << exponent) {
            let subjects = (0..buckets).map(|number| names().bucket_subjects(number, buckets).len());
            assert!(subjects.max().unwrap() <= BUCKET_SUBJECTS_MAX, "{buckets}");
        }
        assert_eq!(names().bucket_subjects(0, 1), ["hydra.local.msg.*.*.*.*.*"]);
        assert_eq!(names().bucket_subjects(3, 8), ["hydra.local.msg.6.*.*.*.*", "hydra.local.msg.7.*.*.*.*"]);
        assert_eq!(names().bucket_subjects(255, 256), ["hydra.local.msg.f.f.*.*.*"]);
    }

    #[test]
    fn a_message_in_the_wrong_slot_or_spelled_otherwise_has_no_receiver() {
        let alice = ActorId::parse("counter/alice").unwrap();
        assert_eq!(names().message(&alice), "hydra.local.msg.d.a.0.counter.alice");
        for wrong in [
            "hydra.local.msg.d.a.1.counter.alice",
            "hydra.local.msg.D.A.0.counter.alice",
            "hydra.local.msg.d.a.0.counter.=61lice",
            "hydra.local.msg.d.a.0.counter",
            "hydra.local.msg.d.a.0.counter.alice.more",
            "hydra.other.msg.d.a.0.counter.alice",
            "hydra.local.dlq.d.a.0.counter.alice",
        ] {
            assert_eq!(names().receiver(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_the_protocol() {
        let names = names();
        let bucket = BucketId { number: 0x3a, incarnation: 1 };
        assert_eq!(names.bucket_stream(bucket), "hydra_local_B_3a");
        assert_eq!(names.table_stream(TableName::Actors), "KV_hydra_local_actors");
        assert_eq!(names.table(TableName::Registry), "hydra_registry");
        let row = names.row(TableName::Actors, "counter.alice.state");
        assert_eq!(row, "$KV.hydra_local_actors.counter.alice.state");
        assert_eq!(names.key(TableName::Actors, &row), Some("counter.alice.state"));
        assert_eq!(names.key(TableName::Liveness, &row), None);
        assert_eq!(names.notice("reply.7"), "hydra.local.notice.reply.7._");
        assert_eq!(names.channel("hydra.local.notice.reply.7._"), Some("reply.7"));
        assert_eq!(
            (names.notices("reply"), names.notices("")),
            ("hydra.local.notice.reply.>".into(), "hydra.local.notice.>".into())
        );
    }

    #[test]
    fn only_our_consumers_have_an_epoch() {
        assert_eq!(Names::consumer_epoch(&Names::consumer(Epoch(7))), Some(Epoch(7)));
        for foreign in ["hydra-e", "hydra-e07", "hydra-e7x", "mine"] {
            assert_eq!(Names::consumer_epoch(foreign), None, "{foreign}");
        }
    }
}
