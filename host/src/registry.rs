//! Which kinds there are, which version of each is current, and the code that handles it.
//! Asked by `activation` for a handler; changed by deploys and rollbacks. Every deploy is kept.
//! Never runs a guest, but for the probe at deploy.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::digest::Digest;
use crate::id::Kind;
use crate::manifest::Manifest;

/// One deploy: never changed once made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts the kind's deploys from 1.
    pub number: u32,
    /// The component.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was deployed.
    pub deployed: Time,
    /// Settings and grants.
    pub manifest: Manifest,
}

/// A kind and its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindEntry {
    /// The name.
    pub kind: Kind,
    /// Number of the version that new activations use.
    pub current: u32,
    /// All versions, oldest first.
    pub versions: Vec<Version>,
}

/// What a deploy did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The kind.
    pub kind: Kind,
    /// The version that is current now.
    pub version: Version,
    /// The same component and manifest were current already.
    pub unchanged: bool,
    /// Time spent compiling in milliseconds; 0 when it came from the cache.
    pub compile_ms: u64,
    /// Time to make one instance in microseconds, as probed.
    pub instance_us: u64,
    /// What the author should know, each with its cure.
    pub warnings: Vec<String>,
}

/// Why a kind cannot be deployed, rolled back or shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component or its manifest is refused; the text says what is wrong and what is allowed.
    #[error("{reason}")]
    Refused {
        /// A stable word: `not-wasm`, `core-module`, `world-version`, `unknown-import`, `missing-export`, `too-large`, `limits`, …
        code: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// No such kind.
    #[error("kind {kind} is not deployed: hydra deploy FILE.wasm --kind {kind}")]
    UnknownKind {
        /// Which.
        kind: Kind,
    },
    /// No such version, or more than one.
    #[error("kind {kind} has {matches} versions whose digest begins with {wanted:?}: hydra kind history {kind}")]
    UnknownVersion {
        /// The kind.
        kind: Kind,
        /// What was asked for.
        wanted: String,
        /// How many match.
        matches: usize,
    },
    /// Somebody else deployed at the same moment. Try again.
    #[error("kind {kind} was changed by somebody else at the same moment: try again")]
    Conflict {
        /// Which.
        kind: Kind,
    },
    /// The store cannot serve.
    #[error(transparent)]
    Store(#[from] crate::backend::Error),
}

/// The kinds of one system. Shared.
pub struct Registry {}

impl Registry {
    /// Checks, compiles, probes and stores a component, and makes it its kind's current version.
    ///
    /// # Errors
    /// `Refused`: show it to the author. `Conflict`, `Store`: try again.
    pub async fn deploy(&self, kind: Kind, component: Bytes, manifest: Manifest) -> Result<Deployed, Error> {
        unimplemented!("{kind} {} {manifest:?}", component.len())
    }

    /// Makes an earlier version current again: the one whose digest begins so, or the one before the current.
    ///
    /// # Errors
    /// `UnknownKind`, `UnknownVersion`: show what there is. `Conflict`, `Store`: try again.
    pub async fn rollback(&self, kind: &Kind, digest: Option<&str>) -> Result<Deployed, Error> {
        unimplemented!("{kind} {digest:?}")
    }

    /// All kinds, in order.
    pub fn kinds(&self) -> Vec<KindEntry> {
        Vec::new()
    }

    /// One kind.
    pub fn kind(&self, kind: &Kind) -> Option<KindEntry> {
        unimplemented!("{kind}")
    }
}
