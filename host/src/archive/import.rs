//! Fills an empty store from a checked file. A row of the store says first that an import has begun, and last that it has
//! ended: in between no host starts on it, and the same import can be repeated. Whatever a try before has stored is found
//! again, so nothing is there twice. Never writes into a store that holds anything else.

use std::iter::Peekable;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use super::error::Error;
use super::format::{Counts, Entry, Summary};
use super::reader::{Checked, Reader};
use super::rest::{Unserved, empty, patiently};
use crate::backend::{self, Backend, Expect, Log, NewMessage, Put, Queue};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Cursor, Kind, Revision, Seq};
use crate::incarnations::{self, Import, Incarnations, Retired};
use crate::message::Headers;
use crate::names::MessageId;
use crate::record::{self, Record};
use crate::registry;
use crate::wake;

/// Rows or messages gathered before they are stored together.
const BATCH: usize = 256;
/// Bytes at which they are stored, however few they are.
const BATCH_BYTES: usize = 8 << 20;
/// Rows written at once.
const ROWS_AT_ONCE: usize = 64;
/// Dead letters read at once.
const DEAD_LETTERS: usize = 64;
/// How far the target's time may be behind the export's: that long is waited.
const BEHIND_MAX: Duration = Duration::from_secs(15);

/// Imports a checked file into a store that is empty, or that an import of the same file has not filled to the end.
/// `told` hears of the progress. The caller makes sure that nobody else uses the store meanwhile; who does is noticed.
///
/// # Errors
/// See [`Error`]: each says what is in the way. After an error the import can be repeated, and no host starts on the store
/// before it has ended.
pub async fn import(backend: &Backend, file: &Checked, told: impl Fn(&Counts) + Send + Sync) -> Result<Summary, Error> {
    let unserved = Unserved::check(backend).await?;
    let (begun, is_repeated) = begin(backend, file).await?;
    let records = Vec::new();
    let there = DeadLetters { log: &*backend.log, next: Vec::new().into_iter().peekable(), after: Seq(0) };
    let mut filling = Filling {
        backend,
        incarnation: begun.incarnation,
        is_repeated,
        records,
        messages: Vec::new(),
        bytes: 0,
        there,
    };
    let (mut reader, mut counts) = (Reader::open(&file.path)?, Counts::default());
    while let Some(entry) = reader.next()? {
        counts.add(&entry);
        filling.take(entry).await?;
        told(&counts);
    }
    filling.store().await?;
    if counts != file.summary().counts {
        return Err(Error::Disturbed);
    }
    unserved.check_again().await?;
    end(backend, file, begun.revision).await?;
    Ok(Summary { incarnation: begun.incarnation, ..file.summary().clone() })
}

/// An import that the store knows of.
struct Begun {
    incarnation: u32,
    /// Of the row that says so.
    revision: Revision,
}

/// What the store's row says when it is filled.
fn filled(file: &Checked) -> Incarnations {
    let (incarnation, until) = (file.start.incarnation, file.start.until);
    Incarnations::after(file.start.retired.clone(), Retired { incarnation, until })
}

/// Notes in the store that an import has begun. True: one that did not end is repeated.
async fn begin(backend: &Backend, file: &Checked) -> Result<(Begun, bool), Error> {
    let (row, revision) = patiently(|| incarnations::read(&*backend.actors)).await?;
    let (import, is_repeated) = match row.unfinished() {
        Some(import) if import.digest == file.summary().digest => (import.clone(), true),
        Some(import) => return Err(Error::OtherImport { found: import.digest.clone() }),
        None => {
            empty(backend).await?;
            let own = backend.log.buckets().first().map_or(1, |bucket| bucket.incarnation);
            let incarnation = own.max(file.start.incarnation).saturating_add(1);
            (Import { digest: file.summary().digest.clone(), incarnation }, false)
        }
    };
    wait_until_later(&*backend.log, file.start.until).await?;
    let incarnation = import.incarnation;
    // Written again by a repeat too: the try before, if it still goes on, finds out at its end.
    let revision = write(backend, &filled(file).importing(import), revision).await?;
    patiently(|| backend.log.begin_incarnation(incarnation)).await?;
    Ok((Begun { incarnation, revision }, is_repeated))
}

async fn end(backend: &Backend, file: &Checked, revision: Revision) -> Result<(), Error> {
    write(backend, &filled(file), Some(revision)).await.map(drop)
}

async fn write(backend: &Backend, row: &Incarnations, read: Option<Revision>) -> Result<Revision, Error> {
    let table = &*backend.actors;
    match incarnations::write(table, row, read).await {
        Ok(Put::Written(revision)) => Ok(revision),
        Ok(Put::Refused) => Err(Error::Disturbed),
        Err(backend::Error::Unknown { .. }) => match patiently(|| incarnations::read(table)).await? {
            (there, Some(revision)) if there == *row => Ok(revision),
            _ => Err(Error::Disturbed),
        },
        Err(error) => Err(error.into()),
    }
}

/// Waits until whatever is sent from now on is younger than the export.
async fn wait_until_later(log: &dyn Log, until: Time) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let now = patiently(|| async { log.now() }).await?;
        if now > until {
            return Ok(());
        }
        let behind = now.distance(until);
        if begun.elapsed() + behind > BEHIND_MAX {
            return Err(Error::Behind { behind });
        }
        tokio::time::sleep(behind + Duration::from_millis(1)).await;
    }
}

struct Filling<'i> {
    backend: &'i Backend,
    incarnation: u32,
    /// A try before may have stored any part of it.
    is_repeated: bool,
    records: Vec<(ActorId, Record)>,
    messages: Vec<NewMessage>,
    /// Of both.
    bytes: usize,
    there: DeadLetters<'i>,
}

impl Filling<'_> {
    async fn take(&mut self, entry: Entry) -> Result<(), Error> {
        match entry {
            Entry::Start(_) | Entry::End(_) => {}
            Entry::Component { bytes } => {
                patiently(|| self.backend.blobs.put(bytes.clone())).await?;
            }
            Entry::Kind { kind, row } => self.kind(&kind, row).await?,
            Entry::Actor { actor, headers, value } => {
                self.bytes += value.len();
                let row = backend::Entry { value, headers, revision: Revision(0) };
                let unreadable = |source| Error::Record { actor: actor.clone(), source };
                let mut record = Record::decode(&row).map_err(unreadable)?;
                record.cursor = Some(self.beginning(&actor));
                self.records.push((actor, record));
            }
            Entry::Message { to, id, headers, body } => {
                self.bytes += body.len();
                // As if it came now: it was looked at as a late copy when it was put aside.
                self.messages.push(NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body });
            }
            Entry::DeadLetter { of, id, committed, headers, body } => {
                if !self.is_repeated || !self.there.has(&id).await? {
                    self.bytes += body.len();
                    self.messages.push(NewMessage { queue: Queue::DeadLetters, to: of, id, committed, headers, body });
                }
            }
        }
        let is_full = self.records.len().max(self.messages.len()) >= BATCH || self.bytes >= BATCH_BYTES;
        if is_full { self.store().await } else { Ok(()) }
    }

    async fn kind(&self, kind: &Kind, row: Bytes) -> Result<(), Error> {
        let (table, key) = (&self.backend.registry, registry::key(kind));
        patiently(|| table.put(&key, row.clone(), Headers::default(), Expect::Any, None)).await?;
        Ok(())
    }

    /// The place before the first message of the new incarnation: the actor was there before, and has handled nothing here.
    fn beginning(&self, actor: &ActorId) -> Cursor {
        let number = self.backend.log.bucket_of(actor).number;
        Cursor { bucket: BucketId { number, incarnation: self.incarnation }, seq: Seq(0) }
    }

    /// Stores what was gathered.
    async fn store(&mut self) -> Result<(), Error> {
        let table = &self.backend.actors;
        let writes = stream::iter(self.records.drain(..)).map(async |(actor, record)| {
            if !record.waits.is_empty() {
                let marker = wake::key(self.backend.log.bucket_of(&actor), &actor);
                patiently(|| table.put(&marker, Bytes::new(), Headers::default(), Expect::Any, None)).await?;
            }
            let (key, (value, headers)) = (record::key(&actor), record.encode());
            patiently(|| table.put(&key, value.clone(), headers.clone(), Expect::Any, None)).await
        });
        writes.buffer_unordered(ROWS_AT_ONCE).try_for_each(async |_| Ok(())).await?;
        let mut messages = std::mem::take(&mut self.messages);
        if self.is_repeated {
            self.forget_stored(&mut messages).await?;
        }
        self.bytes = 0;
        if !messages.is_empty() {
            patiently(|| self.backend.log.append(messages.clone())).await?;
        }
        Ok(())
    }

    /// Leaves out the messages that stand in their actors' mailboxes already.
    async fn forget_stored(&self, messages: &mut Vec<NewMessage>) -> Result<(), Error> {
        let mut stored: Vec<(ActorId, MessageId)> = Vec::new();
        for of_one in messages.chunk_by(|one, next| one.to == next.to) {
            let waiting = of_one.iter().filter(|message| message.queue == Queue::Inbox);
            let ids: Vec<MessageId> = waiting.map(|message| message.id.clone()).collect();
            let Some(first) = of_one.first().filter(|_| !ids.is_empty()) else { continue };
            let log = &self.backend.log;
            let history = patiently(|| log.find(&first.to, Time(0), Seq(u64::MAX), &ids)).await?;
            stored.extend(history.found.into_iter().map(|(id, _)| (first.to.clone(), id)));
        }
        let is_stored = |message: &NewMessage| stored.iter().any(|(to, id)| *to == message.to && *id == message.id);
        messages.retain(|message| message.queue != Queue::Inbox || !is_stored(message));
        Ok(())
    }
}

/// The dead letters that a try before has stored: in the order of the file, so both are read side by side.
struct DeadLetters<'i> {
    log: &'i dyn Log,
    next: Peekable<std::vec::IntoIter<MessageId>>,
    after: Seq,
}

impl DeadLetters<'_> {
    /// Whether this one is there. Asked for each dead letter of the file, in order.
    async fn has(&mut self, id: &MessageId) -> Result<bool, Error> {
        if self.next.peek().is_none() {
            let page = patiently(|| self.log.read(Queue::DeadLetters, None, self.after, DEAD_LETTERS)).await?;
            self.after = page.last().map_or(self.after, |last| last.seq);
            let ids: Vec<MessageId> = page.into_iter().map(|letter| letter.id).collect();
            self.next = ids.into_iter().peekable();
        }
        Ok(self.next.next_if(|there| there == id).is_some())
    }
}
