//! Why a store is not carried over. Each says what is in the way and what to do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backend;
use crate::digest::Digest;
use crate::id::{ActorId, BucketId, Cursor, Kind, Seq};
use crate::record;

/// Why a store is not exported or imported. Unless it says otherwise, nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written. Choose another place, or make room.
    #[error("cannot use {path}: choose another file, or look at the disk")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The export would overwrite something. Name another file.
    #[error("{path} is there already: name a file that does not exist yet")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It was not written by an export. Name another file.
    #[error("{path} is not an export: name a file that `hydra store export` wrote")]
    NotAnExport {
        /// The file.
        path: PathBuf,
    },
    /// A newer or older program wrote it. Use that one.
    #[error("{path} has format {found}, this program knows format {known}: import it with the version that wrote it")]
    Version {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format that this program reads and writes.
        known: u32,
    },
    /// It was cut, or changed since it was written. Copy it again, or export again.
    #[error("{path} is damaged at byte {at}, {what}: copy it again, or export again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Somebody serves the store. Stop them.
    #[error(
        "hosts run on this store ({hosts}): stop them with SIGTERM and try again; one that was killed is forgotten after \
         its lease, 3 s unless set otherwise"
    )]
    Running {
        /// Their names.
        hosts: String,
    },
    /// Messages wait. A host must handle or park them first.
    #[error(
        "messages wait in {buckets} buckets, the first in {bucket} at position {seq}: run `hydra host` on this store until \
         they are handled (a suspended actor's are put aside after some seconds), end it with SIGTERM, and try again"
    )]
    NotDrained {
        /// How many buckets have any.
        buckets: usize,
        /// The first of those.
        bucket: BucketId,
        /// Where its first one stands.
        seq: Seq,
    },
    /// A commit may not be handed over. A host does that as soon as it looks at the actor.
    #[error(
        "actor {actor} may still have messages to hand over: run `hydra host` on this store for some seconds, end it with \
         SIGTERM, and try again"
    )]
    Outbox {
        /// Whose record holds them.
        actor: ActorId,
    },
    /// A record does not read back. A human must act.
    #[error(
        "the record of actor {actor} cannot be read: delete it with `hydra actor delete {actor}`, or repair its row"
    )]
    Record {
        /// Whose.
        actor: ActorId,
        /// What is wrong with it.
        source: record::Error,
    },
    /// A record stands in a bucket that the store never had. A human must act.
    #[error("the record of actor {actor} stands at {position}, which this store never had: repair or remove its row")]
    Foreign {
        /// Whose.
        actor: ActorId,
        /// Where it says it stands.
        position: Cursor,
    },
    /// A kind's row does not read back, or one of its components is gone.
    #[error("kind {kind} cannot be exported: {reason}: deploy it again")]
    Kind {
        /// Which.
        kind: Kind,
        /// What is wrong with it.
        reason: String,
    },
    /// Another import into the target did not end.
    #[error(
        "an import of another file did not end here (digest {found}): repeat that one, or begin with an empty store"
    )]
    OtherImport {
        /// The digest of that file.
        found: String,
    },
    /// There is something in the target.
    #[error("the store to import into has {what}: import into a new one (another --data or nats.system)")]
    NotEmpty {
        /// What was found first.
        what: &'static str,
    },
    /// New messages would look older than the export.
    #[error(
        "the time of the store to import into is {} s behind that of the export: correct the clock, and try again",
        behind.as_secs()
    )]
    Behind {
        /// By how much.
        behind: Duration,
    },
    /// Somebody took the store up, or imported too. An export was not written; an import has to be repeated.
    #[error("somebody else began to use the store meanwhile: stop every host on it, and repeat the command")]
    Disturbed,
    /// The store does not serve, or is not whole. An import that fails so has to be repeated.
    #[error(transparent)]
    Store(#[from] backend::Error),
}

impl Error {
    /// Adds the path to an error of the file system.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.into(), source }
    }

    pub(super) fn missing(kind: &Kind, digest: &Digest) -> Self {
        Self::Kind { kind: kind.clone(), reason: format!("the component {digest} is gone") }
    }
}
