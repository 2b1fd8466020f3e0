//! Writes a store that is at rest into one file: components and kinds, then records with the messages that wait for their
//! actors, then dead letters. Reads in pages, so that a million actors need no more memory than a few.
//! Never changes the store, and never writes an effect that may still have to be handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::stream::{self, StreamExt as _};

use super::error::Error;
use super::format::{Counts, Entry, Start, Summary};
use super::rest::{Unserved, drained, patiently};
use super::writer::Writer;
use crate::backend::{self, Backend, Queue};
use crate::digest::Digest;
use crate::id::{ActorId, BucketId, Cursor, Epoch, Kind, Seq};
use crate::incarnations;
use crate::parking;
use crate::record::{self, Record, Status};
use crate::registry::{self, KindEntry};

/// Keys read at once: a store may look through all of them for each page.
const KEYS: usize = 65_536;
/// Rows read at once; a row may be as large as a value.
const ROWS_AT_ONCE: usize = 64;
/// Dead letters and parked messages read at once.
const MESSAGES: usize = 64;

/// Exports a store into a file, which must not exist yet. `told` hears of the progress.
/// The caller makes sure that no host starts on the store meanwhile; one that does is noticed.
///
/// # Errors
/// See [`Error`]: each says what is in the way. There is no file then.
pub async fn export(backend: &Backend, file: &Path, told: impl Fn(&Counts) + Send + Sync) -> Result<Summary, Error> {
    let past = patiently(|| incarnations::whole(&*backend.actors)).await?;
    let unserved = Unserved::check(backend).await?;
    let floors = drained(backend).await?;
    let incarnation = backend.log.buckets().first().map_or(1, |bucket| bucket.incarnation);
    let until = patiently(|| async { backend.log.now() }).await?;
    let (hydra, retired) = (env!("CARGO_PKG_VERSION").to_owned(), past.retired().to_vec());
    let mut export = Export { backend, out: Writer::create(file)?, floors, told: &told };
    export.put(&Entry::Start(Start { hydra, until, incarnation, retired }))?;
    export.kinds().await?;
    export.actors().await?;
    export.dead_letters().await?;
    unserved.check_again().await?;
    export.out.finish(incarnation)
}

struct Export<'e> {
    backend: &'e Backend,
    out: Writer,
    floors: BTreeMap<BucketId, Seq>,
    told: &'e (dyn Fn(&Counts) + Send + Sync),
}

impl Export<'_> {
    fn put(&mut self, entry: &Entry) -> Result<(), Error> {
        self.out.put(entry)?;
        (self.told)(self.out.counts());
        Ok(())
    }

    async fn kinds(&mut self) -> Result<(), Error> {
        let (mut known, mut after) = (BTreeSet::new(), None::<String>);
        loop {
            let page =
                patiently(|| self.backend.registry.list(registry::PREFIX, after.as_deref(), ROWS_AT_ONCE)).await?;
            for kind in page.iter().filter_map(|key| registry::kind_of(key)) {
                self.kind(kind, &mut known).await?;
            }
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(()),
            }
        }
    }

    /// One kind, behind the components that nobody before it had.
    async fn kind(&mut self, kind: Kind, known: &mut BTreeSet<Digest>) -> Result<(), Error> {
        let key = registry::key(&kind);
        let Some(row) = patiently(|| self.backend.registry.get(&key)).await? else { return Ok(()) };
        let unreadable = |error: serde_json::Error| Error::Kind { kind: kind.clone(), reason: error.to_string() };
        let entry: KindEntry = serde_json::from_slice(&row.value).map_err(unreadable)?;
        for digest in entry.versions.iter().map(|version| version.digest) {
            if known.insert(digest) {
                let bytes = patiently(|| self.backend.blobs.get(&digest)).await?;
                self.put(&Entry::Component { bytes: bytes.ok_or_else(|| Error::missing(&kind, &digest))? })?;
            }
        }
        self.put(&Entry::Kind { kind, row: row.value })
    }

    async fn actors(&mut self) -> Result<(), Error> {
        let (table, mut after) = (self.backend.actors.clone(), None::<String>);
        loop {
            let keys = patiently(|| table.list("", after.as_deref(), KEYS)).await?;
            let Some(last) = keys.last().cloned() else { return Ok(()) };
            let reads = stream::iter(keys).map(async |key| (patiently(|| table.get(&key)).await, key));
            let mut rows = std::pin::pin!(reads.buffered(ROWS_AT_ONCE));
            while let Some((row, key)) = rows.next().await {
                // None: the row of a deleted actor that has just ended. And some rows are no actor's.
                if let (Some(row), Some(actor)) = (row?, record::actor_of(&key)) {
                    self.actor(actor, &row).await?;
                }
            }
            after = Some(last);
        }
    }

    async fn actor(&mut self, actor: ActorId, row: &backend::Entry) -> Result<(), Error> {
        let unreadable = |source| Error::Record { actor: actor.clone(), source };
        let mut record = Record::decode(row).map_err(unreadable)?;
        let bucket = self.backend.log.bucket_of(&actor);
        let places = [record.cursor, record.operator, record.parked.map(|parked| parked.position)];
        if let Some(&position) = places.iter().flatten().find(|place| place.bucket != bucket) {
            return Err(Error::Foreign { actor, position });
        }
        // As a host sees it: at or below the floor it was handed over, and a parked actor's cursor stands still.
        let floor = self.floors.get(&bucket).copied().unwrap_or_default();
        let is_above = record.position().is_some_and(|position| position.seq > floor);
        if !record.outbox.is_empty() && (is_above || record.parked.is_some()) {
            return Err(Error::Outbox { actor });
        }
        let parked = record.parked.take();
        // A tombstone keeps a cursor, and that means nothing elsewhere.
        if record.status != Status::Deleted {
            (record.cursor, record.operator, record.epoch) = (None, None, Epoch::default());
            record.outbox = Vec::new();
            let (value, headers) = record.encode();
            self.put(&Entry::Actor { actor: actor.clone(), headers, value })?;
        }
        match parked {
            Some(parked) => self.parked(&actor, parked.position).await,
            None => Ok(()),
        }
    }

    /// The messages that wait aside for an actor, without those that were handled and without copies.
    async fn parked(&mut self, actor: &ActorId, handled: Cursor) -> Result<(), Error> {
        let (mut after, mut last) = (Seq(0), handled.seq);
        loop {
            let log = &self.backend.log;
            let page = patiently(|| log.read(Queue::Parked, Some(actor), after, MESSAGES)).await?;
            let Some(read_up_to) = page.last().map(|stored| stored.seq) else { return Ok(()) };
            after = read_up_to;
            for stored in page {
                let waits = parking::open(handled.bucket, stored)?.delivery;
                // A message's first copy stands behind those of all that came before it.
                if waits.seq > last {
                    last = waits.seq;
                    let (to, id) = (waits.to, waits.id);
                    self.put(&Entry::Message { to, id, headers: waits.headers, body: waits.body })?;
                }
            }
        }
    }

    async fn dead_letters(&mut self) -> Result<(), Error> {
        let mut after = Seq(0);
        loop {
            let log = &self.backend.log;
            let page = patiently(|| log.read(Queue::DeadLetters, None, after, MESSAGES)).await?;
            let Some(read_up_to) = page.last().map(|stored| stored.seq) else { return Ok(()) };
            after = read_up_to;
            for letter in page {
                let (of, id, committed) = (letter.to, letter.id, letter.committed);
                self.put(&Entry::DeadLetter { of, id, committed, headers: letter.headers, body: letter.body })?;
            }
        }
    }
}
