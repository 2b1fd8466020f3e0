//! The seam: what Hydra needs of a store, and nothing else. `Log` carries messages, `Table` keeps rows, `Blobs` keeps components.
//! Everything above is written once on these traits; everything below is one backend. The laws are part of the
//! contract and stand in capitals; `tests/conformance` checks them against every backend.
//! Never knows what an actor, a record or a turn is.

pub mod embedded;
pub mod memory;
pub mod nats;

mod bounds;
mod calls;
mod error;
mod followers;
mod foreign;
mod watchers;

pub use calls::{Call, Calls, Verb};
pub use error::Error;
pub use foreign::{ForeignMessage, ForeignPage, ForeignPut};

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::clock::Time;
use crate::digest::Digest;
use crate::id::{ActorId, BucketId, Epoch, Revision, Seq};
use crate::message::{Headers, Message};
use crate::names::MessageId;

/// A store that a node runs on. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    /// Mailboxes and dead letters.
    pub log: Arc<dyn Log>,
    /// Actor records and bucket ownership.
    pub actors: Arc<dyn Table>,
    /// Kinds, their versions, settings of the system.
    pub registry: Arc<dyn Table>,
    /// Which nodes live: every row is written with an expiry, and none outlives a restart of the store.
    pub liveness: Arc<dyn Table>,
    /// Components by digest.
    pub blobs: Arc<dyn Blobs>,
    /// No other process can have this store open: whoever opens it takes up everything at once.
    pub exclusive: bool,
}

/// The three kinds of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Mailboxes: one stream per bucket, the bucket chosen by the receiver's slot.
    Inbox,
    /// Dead letters: one stream.
    DeadLetters,
    /// Messages that wait aside for an actor that cannot take them now, so that they hold up nobody: one stream.
    Parked,
}

/// A message to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Which kind of stream.
    pub queue: Queue,
    /// The actor it belongs to.
    pub to: ActorId,
    /// Equal on every copy.
    pub id: MessageId,
    /// When its content was fixed: the same in every copy. None: the store takes the time of storing.
    pub committed: Option<Time>,
    /// The host's and the sender's headers.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
}

impl NewMessage {
    /// A message for its receiver's mailbox. `committed`: when its content was fixed; none: when it is stored.
    #[must_use]
    pub fn to_inbox(message: Message, committed: Option<Time>) -> Self {
        let headers = message.to_headers();
        Self { queue: Queue::Inbox, to: message.to, id: message.id, committed, headers, body: message.body }
    }
}

/// What became of one appended message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its position, or its earlier copy's.
    pub seq: Seq,
    /// A copy with this id is there already; nothing was added.
    pub duplicate: bool,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The actor it belongs to.
    pub to: ActorId,
    /// Its position in its stream.
    pub seq: Seq,
    /// When the log stored it.
    pub time: Time,
    /// Equal on every copy.
    pub id: MessageId,
    /// When its content was fixed; none from a foreign publisher.
    pub committed: Option<Time>,
    /// The host's and the sender's headers.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
}

/// What a look-up for earlier copies found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Those of the asked ids that have an earlier copy, each with the position of its first one.
    pub found: Vec<(MessageId, Seq)>,
    /// Nothing since the asked time was trimmed away: an id that is not found was never there.
    pub complete: bool,
}

/// Where a bucket's mailbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Everything up to here is acknowledged; as `ack` says, it may be told too low, never too high.
    pub floor: Seq,
    /// The first message behind the floor; none: nothing waits.
    pub waiting: Option<Seq>,
    /// When that one was stored.
    pub since: Option<Time>,
}

/// Best-effort messages, in order of sending: some may be missing.
pub type Follow = mpsc::Receiver<Notice>;

/// A best-effort message: an answer on its way, an event for whoever looks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Dot-separated words.
    pub channel: String,
    /// Names and values.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
}

/// Durable streams of messages.
#[async_trait]
pub trait Log: Send + Sync {
    /// The log's time, as it would stamp a message now.
    ///
    /// LAW: never goes back. MUST fail rather than be wrong by more than 10 s.
    ///
    /// # Errors
    /// `Unavailable`: do not commit; wait and ask again.
    fn now(&self) -> Result<Time, Error>;

    /// The time by which timers and requests are due: the log's own. Only a scenario has another, which stands still.
    ///
    /// # Errors
    /// As for [`Log::now`].
    fn due_time(&self) -> Result<Time, Error> {
        self.now()
    }

    /// The buckets there are, in order of their slots.
    fn buckets(&self) -> Vec<BucketId>;

    /// The bucket that an actor's messages go to.
    fn bucket_of(&self, actor: &ActorId) -> BucketId;

    /// Gives all buckets this incarnation, or a higher one that they have already; known by the store's next opening at
    /// the latest. For a store that was filled from another one, before anybody serves it.
    ///
    /// LAW: no message is touched. MUST be durable, and MUST NOT go back.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: call again.
    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error>;

    /// Where a bucket stands, without taking it up.
    ///
    /// LAW: `waiting` MUST be told of whatever was stored before the call and is not acknowledged.
    ///
    /// # Errors
    /// `Closed`: there is no such bucket. `Unavailable`: try again.
    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error>;

    /// Stores messages and answers in their order.
    ///
    /// LAW: on `Ok` every message is durable as the store's settings say. Messages of one call to one stream MUST be
    /// stored in their order. A message whose id stands in the same stream and is younger than [`DEDUPE_WINDOW`]
    /// MUST NOT be stored again: `duplicate`, with the first copy's position. Positions MUST grow and MUST NOT be reused.
    ///
    /// # Errors
    /// `Unavailable`: nothing is stored. `Unknown`: any part may be; repeat the whole call with the same ids. `TooLarge`: a
    /// body is above [`VALUE_BYTES_MAX`] or headers are above [`HEADERS_BYTES_MAX`]; nothing is stored. `Closed`: stop.
    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error>;

    /// Takes up a bucket's stream behind the highest floor that any epoch has acknowledged.
    ///
    /// LAW: until [`Inbox::settle`] is called, an earlier opening MAY go on.
    ///
    /// # Errors
    /// `Closed`: a later epoch has taken it up, or there is no such bucket. `Unavailable`: try again.
    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error>;

    /// Reads messages of one queue behind `after`, in order, at most `limit`. `Inbox` needs an actor and reads its
    /// messages from its bucket's stream (without one: nothing); so does `Parked`. `DeadLetters` reads all actors' or one's.
    ///
    /// LAW: MUST see every message that was stored before the call. MUST return fewer than `limit` only when
    /// there are no more.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error>;

    /// Removes one dead letter. False: it was not there.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: try again.
    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error>;

    /// Removes an actor's parked messages up to and including `up_to`.
    ///
    /// LAW: MUST keep the actor's later ones, and every other actor's.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: the next call covers this one.
    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error>;

    /// The actors of a bucket that have anything parked, in any order.
    ///
    /// LAW: MUST see every message that was parked before the call.
    ///
    /// # Errors
    /// `Unavailable`: try again. `Closed`: there is no such bucket.
    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error>;

    /// Looks for copies of `ids` in an actor's mailbox, stored at `since` or later and before position `before`.
    ///
    /// LAW: MUST NOT be answered from a stale view. `complete` MUST be false if anything at or after `since` was trimmed.
    ///
    /// # Errors
    /// `Unavailable`: try again; never guess.
    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error>;

    /// Reads a stream that is somebody else's: at most `limit` messages on `filter` behind `after`, in order. With a limit of
    /// 0 only what the stream is. None: there is no such stream; a store that is Hydra's alone knows none.
    ///
    /// LAW: MUST NOT change that stream or whoever else reads it. All messages MUST be of the one that `created` names.
    /// MUST NOT pass over a message that the stream still has, and MUST name in `first` what it has no more.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn read_foreign(
        &self,
        _stream: &str,
        _filter: &str,
        _after: Seq,
        _limit: usize,
    ) -> Result<Option<ForeignPage>, Error> {
        Ok(None)
    }

    /// Stores a message in a stream that is somebody else's: the one that takes this subject. `id` names it on every
    /// repeat, for as long as that stream remembers. A store that is Hydra's alone has no such stream.
    ///
    /// LAW: MUST NOT say `Stored` before a stream has it.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: try again with the same id. `TooLarge`: never.
    async fn put_foreign(
        &self,
        _subject: &str,
        _id: &str,
        _headers: &Headers,
        _body: Bytes,
    ) -> Result<ForeignPut, Error> {
        Ok(ForeignPut::NoStream)
    }

    /// Tells whoever follows; forgets it if nobody does. MUST NOT block.
    fn notify(&self, notice: Notice);

    /// Whether anybody may be following a channel: saves building notices for nobody. MAY be true wrongly; MAY be false
    /// for a moment after somebody elsewhere has begun.
    fn is_followed(&self, channel: &str) -> bool;

    /// Follows the channels that begin with these words, from now on. A follower that falls behind loses notices.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn follow(&self, prefix: &str) -> Result<Follow, Error>;
}

/// The reading end of one bucket's stream, held by the bucket's owner.
#[async_trait]
pub trait Inbox: Send {
    /// Everything up to here was acknowledged when this inbox was opened.
    fn floor(&self) -> Seq;

    /// Ends all earlier openings of this bucket. To be called once the owner has seen that the bucket is still its own:
    /// an opening by somebody who has lost it meanwhile must not end the new owner's.
    ///
    /// LAW: every opening of a lower epoch, and every earlier one of this epoch, MUST be `Closed` from its next call on.
    ///
    /// # Errors
    /// `Closed`: a later epoch has taken the bucket up. `Unavailable`, `Unknown`: call again.
    async fn settle(&mut self) -> Result<(), Error>;

    /// The next message; waits for one.
    ///
    /// LAW: every stored message above the floor MUST come, in order of position, once per opening. MUST be
    /// cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// `Unavailable`: call again. `Closed`: a later epoch has taken over; stand down.
    async fn next(&mut self) -> Result<Delivery, Error>;

    /// Acknowledges everything up to `seq`: the floor of the next opening. MAY be stored late, so the next floor may
    /// be lower, but MUST NOT be higher.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: the next call covers this one.
    async fn ack(&mut self, seq: Seq) -> Result<(), Error>;

    /// Forgets the messages before `seq`.
    ///
    /// LAW: MUST keep the message at `seq`, and everything behind it.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: the next call covers this one.
    async fn trim(&mut self, seq: Seq) -> Result<(), Error>;
}

/// Largest body of a message and largest value of a row, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Largest sum of header names and values of a message or a row, in bytes.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;

/// How long the log recognises a repeated id.
pub const DEDUPE_WINDOW: Duration = Duration::from_secs(30);

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Opaque bytes.
    pub value: Bytes,
    /// Names and values; at most 64 KiB together.
    pub headers: Headers,
    /// Which write of this row.
    pub revision: Revision,
}

/// What a row must look like for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// No row.
    Absent,
    /// This very write.
    Revision(Revision),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Stored, as this revision.
    Written(Revision),
    /// The row was not as expected; nothing was stored.
    Refused,
}

/// A change of a row: its new entry, or none when it is gone.
pub type Watch = mpsc::Receiver<(String, Option<Entry>)>;

/// Rows by key. Keys are words of `[A-Za-z0-9_=-]` joined by dots.
#[async_trait]
pub trait Table: Send + Sync {
    /// Reads a row.
    ///
    /// LAW: MAY be stale on a replicated store, MUST NOT be older than this process's own writes. Headers of different
    /// names MAY come back in another order.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error>;

    /// Writes a row if it is as expected.
    ///
    /// LAW: writes of one key are linearizable: of two with the same expectation at most one is `Written`. The new
    /// revision MUST be higher than every earlier one of that key, its deletion included. `expires_after` MUST remove the row no earlier.
    ///
    /// # Errors
    /// `Unavailable`: nothing is stored. `TooLarge`: nothing is stored, the value is above [`VALUE_BYTES_MAX`] or the
    /// headers are above [`HEADERS_BYTES_MAX`]. `Unknown`: read the row before repeating.
    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error>;

    /// Removes a row if it is as expected. Removing a row that is not there under `Any` is `Written`.
    ///
    /// # Errors
    /// As `put`.
    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error>;

    /// Keys that begin with `prefix` and come after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error>;

    /// Changes of rows below `prefix` from now on.
    ///
    /// LAW: MAY skip changes, MUST NOT reorder those of one key, MUST end rather than stay silent for ever: after the
    /// end, list the rows and watch again.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    async fn watch(&self, prefix: &str) -> Result<Watch, Error>;
}

/// Immutable bytes by digest.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps bytes; keeping them twice is fine.
    ///
    /// # Errors
    /// `Unavailable`, `Unknown`: try again.
    async fn put(&self, bytes: Bytes) -> Result<Digest, Error>;

    /// Reads bytes. MUST check the digest: `Damaged` when it differs.
    ///
    /// # Errors
    /// `Unavailable`: try again. `Damaged`: a human must act.
    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, Error>;
}
