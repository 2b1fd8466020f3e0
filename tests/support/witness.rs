//! What an outsider saw of a simulated system: every message that reached the log, every record that was written.
//! Told by `faulty` at the moment something is stored; asked by the simulation's oracles. Never changes anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use hydra::backend::{Appended, Entry, NewMessage, Queue};
use hydra::clock::Time;
use hydra::id::{ActorId, BucketId, Cursor, Epoch, Seq};
use hydra::message::header;
use hydra::record::{self, Record};

/// One copy of a message in the log.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its id, as its sender named it.
    pub id: String,
    /// What it is.
    pub subject: String,
    /// The sending actor.
    pub sender: Option<String>,
    /// Somebody waits for the outcome.
    pub is_awaited: bool,
    /// What it says.
    pub body: String,
    /// When the log stored it.
    pub time: Time,
}

/// All that was seen.
#[derive(Debug, Default)]
pub struct Witness {
    /// What happened, a line each, in order.
    pub events: Vec<String>,
    /// Every copy in the log, by receiver and position.
    pub arrivals: BTreeMap<ActorId, BTreeMap<Seq, Arrival>>,
    /// The last position of each bucket.
    pub last: BTreeMap<BucketId, Seq>,
    /// How far each bucket was acknowledged.
    pub acknowledged: BTreeMap<BucketId, Seq>,
    /// Up to where each bucket was trimmed.
    pub trimmed: BTreeMap<BucketId, Seq>,
    /// Rules that were seen broken at once, without waiting for the end.
    pub complaints: Vec<String>,
    /// What operators asked of each actor, by position.
    pub operations: BTreeMap<ActorId, BTreeMap<Seq, Arrival>>,
    /// What hosts told actors of: ticks, answers, time-outs; by position.
    pub dues: BTreeMap<ActorId, BTreeMap<Seq, Arrival>>,
    /// States that operators replaced, in order.
    pub replaced: BTreeMap<ActorId, Vec<Bytes>>,
    /// How often an actor was parked.
    pub parkings: u64,
    records: BTreeMap<String, Record>,
    owners: BTreeMap<(BucketId, Epoch), u32>,
}

impl Witness {
    /// Notes that something happened.
    pub fn note(&mut self, now: Time, what: &str) {
        self.events.push(format!("{:>12} {what}", now.0 % 1_000_000_000));
    }

    /// A message was stored, or recognised as a copy.
    pub fn arrived(&mut self, now: Time, who: u32, bucket: BucketId, message: &NewMessage, appended: Appended) {
        let (to, id) = (&message.to, &message.id);
        let place = Cursor { bucket, seq: appended.seq };
        let verdict = if appended.duplicate { "knows" } else { "stores" };
        let queue = match message.queue {
            Queue::Inbox => "",
            Queue::DeadLetters => " dead letter",
            Queue::Parked => " parked message",
        };
        let body = String::from_utf8_lossy(&message.body).into_owned();
        let short = if message.queue == Queue::Inbox { body.chars().take(40).collect() } else { String::new() };
        self.note(now, &format!("node {who}: the log {verdict}{queue} {place} for {to}: {short:?} {id}"));
        if message.queue != Queue::Inbox || appended.duplicate {
            return;
        }
        self.last.insert(bucket, appended.seq);
        let header = |name| message.headers.get(name).map(str::to_owned);
        let subject = header(header::SUBJECT).unwrap_or_default();
        let (sender, is_awaited) = (header(header::SENDER), header(header::REPLY).is_some());
        let arrival = Arrival { id: id.to_string(), subject, sender, is_awaited, body, time: now };
        let is_operation = hydra::operation::is_operation(&message.headers);
        let kept = match arrival.subject.contains(':') {
            _ if is_operation => &mut self.operations,
            true => &mut self.dues,
            false => &mut self.arrivals,
        };
        kept.entry(to.clone()).or_default().insert(appended.seq, arrival);
    }

    /// A row was written.
    pub fn wrote(&mut self, now: Time, who: u32, key: &str, entry: &Entry) {
        let revision = entry.revision.0;
        let Some(actor) = record::actor_of(key) else {
            return self.note(now, &format!("node {who}: writes {key} as {revision}"));
        };
        let Ok(record) = Record::decode(entry) else {
            return self.complaints.push(format!("unreadable: {key}, revision {revision}, cannot be read"));
        };
        let shown = |cursor: Option<Cursor>| cursor.map_or_else(|| "nowhere".into(), |cursor| cursor.to_string());
        let parked = record.parked.map(|parked| format!(", parked behind {parked}")).unwrap_or_default();
        let what =
            format!("at {}, {} to hand over, {:?}{parked}", shown(record.cursor), record.outbox.len(), record.status);
        self.note(now, &format!("node {who}: writes {key} as {revision}: {what}"));
        let before = self.records.insert(key.into(), record.clone()).unwrap_or_default();
        if goes_back(&before, &record) {
            self.complaints
                .push(format!("goes back: {key}, revision {revision}, from {}: {what}", shown(before.cursor)));
        }
        match (before.parked, record.parked) {
            (None, Some(_)) => self.parkings += 1,
            (Some(parked), None) if parked.count > 0 => {
                self.complaints.push(format!("count: {key} is not parked any more, and {} still wait", parked.count));
            }
            _ => {}
        }
        if let Some(position) = record.position() {
            let owner = *self.owners.entry((position.bucket, record.epoch)).or_insert(who);
            if owner != who && goes_back(&record, &before) {
                let epoch = record.epoch;
                let complaint = format!("two owners of {key}: nodes {owner} and {who} both wrote under epoch {epoch}");
                self.complaints.push(complaint);
            }
        }
        if before.operator < record.operator && before.state != record.state {
            self.replaced.entry(actor).or_default().extend(before.state);
        }
    }

    /// Whether the outbox of an actor's last commit was handed over, and taken out of its record.
    pub fn has_handed_over(&self, actor: &ActorId) -> bool {
        self.records.get(&record::key(actor)).is_none_or(|record| record.outbox.is_empty())
    }

    /// A bucket was acknowledged.
    pub fn acknowledged(&mut self, now: Time, who: u32, bucket: BucketId, seq: Seq) {
        self.note(now, &format!("node {who}: acknowledges {bucket} up to {}", seq.0));
        let known = self.acknowledged.entry(bucket).or_default();
        *known = seq.max(*known);
    }

    /// A bucket was trimmed.
    pub fn trimmed(&mut self, now: Time, who: u32, bucket: BucketId, seq: Seq) {
        self.note(now, &format!("node {who}: trims {bucket} before {}", seq.0));
        self.trimmed.insert(bucket, seq);
    }
}

/// Whether a record says less than the one before it.
fn goes_back(before: &Record, after: &Record) -> bool {
    let positions = before.parked.zip(after.parked);
    let is_handled_again = positions.is_some_and(|(before, after)| after.position < before.position);
    after.cursor < before.cursor || after.operator < before.operator || is_handled_again
}
