//! Which kinds there are, which version of each is current, and the code that handles it.
//! Asked by `activation` for a handler; changed by deploys and rollbacks. Every deploy is kept.
//! Never runs a guest, but for the probe at deploy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backend::{self, Backend, Entry, Expect, Put};
use crate::clock::Time;
use crate::description::Description;
use crate::digest::Digest;
use crate::id::{Kind, Revision};
use crate::manifest::Manifest;
use crate::message::Headers;
use crate::wasm::{Anatomy, Handler, Loaded, Refusal, Sandbox};

/// What every key of a kind begins with.
pub(crate) const PREFIX: &str = "kind.";
/// Kinds read at once at the start.
const PAGE: usize = 256;
/// Wait before a watch that ended is begun again.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Versions that a kind's history keeps; the oldest go first, never the current one.
pub const VERSIONS_MAX: usize = 256;
/// Size of a kind's row, all versions with their manifests and descriptions, in bytes.
const ROW_BYTES_MAX: usize = 512 << 10;

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
    /// What it says about itself.
    #[serde(default)]
    pub description: Option<Description>,
}

/// A kind and its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindEntry {
    /// The name.
    pub kind: Kind,
    /// Number of the version that new activations use.
    pub current: u32,
    /// Number of the version that was current before: where a rollback leads.
    #[serde(default)]
    pub previous: Option<u32>,
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
    /// Language, tools, imports and memory.
    #[serde(default)]
    pub anatomy: Anatomy,
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
    /// No other version was current before.
    #[error("kind {kind} had no other version before, or forgot it: hydra kind history {kind}")]
    NoEarlier {
        /// The kind.
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
    /// The kind's row cannot be read: changed by hand, or written by a newer host.
    #[error("kind {kind} cannot be read from the registry: {reason}")]
    Unreadable {
        /// Which.
        kind: Kind,
        /// What was found.
        reason: String,
    },
    /// Somebody else deployed at the same moment. Try again.
    #[error("kind {kind} was changed by somebody else at the same moment: try again")]
    Conflict {
        /// Which.
        kind: Kind,
    },
    /// The store cannot serve.
    #[error(transparent)]
    Store(#[from] backend::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code, reason: refusal.reason }
    }
}

/// The kinds of one system. Shared.
pub struct Registry {
    backend: Backend,
    sandbox: Sandbox,
    kinds: ArcSwap<BTreeMap<Kind, Arc<Slot>>>,
    /// Counts the changes of `kinds`.
    changes: watch::Sender<u64>,
}

/// A kind as this host knows it.
struct Slot {
    entry: KindEntry,
    revision: Option<Revision>,
    /// Otherwise why the current version does not load here: its messages wait.
    handler: Result<Arc<dyn Handler>, String>,
}

impl Registry {
    /// Reads all kinds and loads their current versions. One that does not load is reported, and its messages wait.
    ///
    /// # Errors
    /// `Store`: the store cannot serve. `Unreadable`: a human must act.
    pub async fn open(backend: Backend, sandbox: Sandbox) -> Result<Self, Error> {
        let kinds = ArcSwap::default();
        let registry = Self { backend, sandbox, kinds, changes: watch::Sender::new(0) };
        registry.read_all().await?;
        Ok(registry)
    }

    async fn take_in(&self, kind: Kind, row: &Entry) -> Result<(), Error> {
        let entry: KindEntry = serde_json::from_slice(&row.value)
            .map_err(|error| Error::Unreadable { kind: kind.clone(), reason: error.to_string() })?;
        let handler = match self.load(&entry).await {
            Ok(loaded) => Ok(loaded.handler),
            Err(error) => {
                tracing::error!(%kind, %error, "a kind does not load: its messages wait");
                Err(error.to_string())
            }
        };
        self.install(Slot { entry, revision: Some(row.revision), handler });
        Ok(())
    }

    /// Follows what other hosts deploy, until `ended`.
    pub(crate) async fn keep_up(self: Arc<Self>, ended: CancellationToken) {
        let follow = async {
            loop {
                if let Err(error) = self.follow().await {
                    tracing::warn!(%error, "cannot follow what other hosts deploy: trying again");
                }
                tokio::time::sleep(FOLLOW_AGAIN_AFTER).await;
            }
        };
        // Dropping it is safe: whoever starts again reads all kinds first.
        ended.run_until_cancelled(follow).await.unwrap_or_default()
    }

    /// Reads all kinds, then every one that changes, until the store ends the watch.
    async fn follow(&self) -> Result<(), Error> {
        let mut changes = self.backend.registry.watch(PREFIX).await?;
        self.read_all().await?;
        while let Some((key, _)) = changes.recv().await {
            if let Some(kind) = kind_of(&key) {
                self.read_changed(kind).await?;
            }
        }
        Ok(())
    }

    async fn read_all(&self) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.backend.registry.list(PREFIX, after.as_deref(), PAGE).await?;
            for kind in page.iter().filter_map(|key| kind_of(key)) {
                self.read_changed(kind).await?;
            }
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(()),
            }
        }
    }

    /// Reads a kind if its row is not the one that is known.
    async fn read_changed(&self, kind: Kind) -> Result<(), Error> {
        let known = self.kinds.load().get(&kind).and_then(|slot| slot.revision);
        let row = self.backend.registry.get(&key(&kind)).await?;
        match row.filter(|row| known != Some(row.revision)) {
            Some(row) => self.take_in(kind, &row).await,
            None => Ok(()),
        }
    }

    /// Loads a kind's current version from the store.
    async fn load(&self, entry: &KindEntry) -> Result<Loaded, Error> {
        let missing = || Error::Unreadable { kind: entry.kind.clone(), reason: "its component is missing".into() };
        let version = entry.version().ok_or_else(missing)?;
        let component = self.backend.blobs.get(&version.digest).await?.ok_or_else(missing)?;
        Ok(self.sandbox.load(component, Arc::new(version.manifest.clone())).await?)
    }

    fn install(&self, slot: Slot) {
        let slot = Arc::new(slot);
        self.kinds.rcu(|kinds| {
            let mut kinds = BTreeMap::clone(kinds);
            // Two who load versions of one kind at once may end in any order: the later write stays.
            let known = kinds.get(&slot.entry.kind);
            if known.is_none_or(|known| known.revision <= slot.revision) {
                kinds.insert(slot.entry.kind.clone(), slot.clone());
            }
            kinds
        });
        self.changes.send_modify(|count| *count += 1);
    }

    /// Handles a kind with code of the host's own, until the host ends. Not stored.
    pub fn install_native(&self, kind: Kind, handler: Arc<dyn Handler>) {
        let entry = KindEntry { kind, current: 0, previous: None, versions: Vec::new() };
        self.install(Slot { entry, revision: None, handler: Ok(handler) });
    }

    /// The code that handles a kind now; none if it was never deployed or does not load.
    #[must_use]
    pub fn handler(&self, kind: &Kind) -> Option<Arc<dyn Handler>> {
        self.kinds.load().get(kind)?.handler.clone().ok()
    }

    /// Why a kind's current version does not load here; none if it does.
    #[must_use]
    pub fn trouble(&self, kind: &Kind) -> Option<String> {
        self.kinds.load().get(kind)?.handler.as_ref().err().cloned()
    }

    /// Places of the sandbox's pool that instances take, and all of them.
    #[must_use]
    pub fn pool_usage(&self) -> (usize, usize) {
        self.sandbox.usage()
    }

    /// Whether a kind was deployed here.
    #[must_use]
    pub fn knows(&self, kind: &Kind) -> bool {
        self.kinds.load().contains_key(kind)
    }

    /// Whether a kind was deployed, here or just now by another host.
    ///
    /// # Errors
    /// The store's: it cannot tell.
    pub async fn find(&self, kind: &Kind) -> Result<bool, Error> {
        if !self.knows(kind) && !self.backend.exclusive {
            self.read_changed(kind.clone()).await?;
        }
        Ok(self.knows(kind))
    }

    /// Waits until a kind has other code than it has now.
    pub async fn changed(&self, kind: &Kind) {
        let mut changes = self.changes.subscribe();
        let version = || self.handler(kind).map(|handler| (handler.version(), handler.manifest().clone()));
        let before = version();
        // The sender lives as long as the registry.
        while changes.changed().await.is_ok() {
            if version() != before {
                return;
            }
        }
    }

    /// All kinds but the host's own, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<KindEntry> {
        let kinds = self.kinds.load();
        kinds.values().map(|slot| slot.entry.clone()).filter(|entry| !entry.kind.is_reserved()).collect()
    }

    /// One kind.
    #[must_use]
    pub fn kind(&self, kind: &Kind) -> Option<KindEntry> {
        self.kinds.load().get(kind).map(|slot| slot.entry.clone())
    }

    /// Checks, compiles, probes and stores a component, and makes it its kind's current version.
    /// Activations that run go on with the old code; the next ones use the new.
    ///
    /// # Errors
    /// `Refused`: show it to the author. `Conflict`, `Store`: try again.
    pub async fn deploy(&self, kind: Kind, component: Bytes, manifest: Manifest) -> Result<Deployed, Error> {
        manifest.check().map_err(|error| Error::Refused { code: "manifest", reason: error.to_string() })?;
        let size = u64::try_from(component.len()).unwrap_or(u64::MAX);
        let mut loaded = self.sandbox.load(component.clone(), Arc::new(manifest.clone())).await?;
        let description = describe(&mut loaded);
        let digest = self.backend.blobs.put(component).await?;
        let deployed = self.backend.log.now()?;
        self.change(kind, loaded, |entry| {
            let same = entry.version().is_some_and(|current| current.digest == digest && current.manifest == manifest);
            if same {
                return Ok(true);
            }
            let number = entry.versions.last().map_or(1, |last| last.number + 1);
            entry.switch_to(number);
            entry.versions.push(Version { number, digest, size, deployed, manifest, description });
            entry.forget_oldest();
            Ok(false)
        })
        .await
    }

    /// Makes another version current again: the newest whose digest begins so, or the one that was current before.
    ///
    /// # Errors
    /// `UnknownKind`, `UnknownVersion`: show what there is. `Conflict`, `Store`: try again.
    pub async fn rollback(&self, kind: &Kind, digest: Option<&str>) -> Result<Deployed, Error> {
        let mut entry = self.kind(kind).ok_or_else(|| Error::UnknownKind { kind: kind.clone() })?;
        let number = entry.find(digest)?.number;
        entry.current = number;
        let loaded = self.load(&entry).await?;
        self.change(kind.clone(), loaded, |entry| Ok(!entry.switch_to(number))).await
    }

    /// Changes a kind's row by compare-and-swap and installs its new code. The change tells whether nothing changed.
    async fn change(
        &self,
        kind: Kind,
        loaded: Loaded,
        change: impl FnOnce(&mut KindEntry) -> Result<bool, Error>,
    ) -> Result<Deployed, Error> {
        let known = self.kinds.load().get(&kind).cloned();
        let revision = known.as_ref().and_then(|slot| slot.revision);
        let new = || KindEntry { kind: kind.clone(), current: 0, previous: None, versions: Vec::new() };
        let mut entry = known.map_or_else(new, |slot| slot.entry.clone());
        let unchanged = change(&mut entry)?;
        let mut revision = revision;
        if !unchanged {
            let row = serde_json::to_vec(&entry).unwrap_or_default();
            let expect = revision.map_or(Expect::Absent, Expect::Revision);
            let put = self.backend.registry.put(&key(&kind), row.into(), Headers::default(), expect, None).await?;
            let Put::Written(written) = put else { return Err(self.conflict(kind).await) };
            revision = Some(written);
        }
        let version = entry.version().cloned();
        let version =
            version.ok_or_else(|| Error::Unreadable { kind: kind.clone(), reason: "it has no version".into() })?;
        self.install(Slot { entry, revision, handler: Ok(loaded.handler) });
        Ok(Deployed {
            kind,
            version,
            unchanged,
            compile_ms: u64::try_from(loaded.compile.as_millis()).unwrap_or(u64::MAX),
            instance_us: u64::try_from(loaded.instantiate.as_micros()).unwrap_or(u64::MAX),
            warnings: loaded.warnings,
            anatomy: loaded.anatomy,
        })
    }

    /// The row is not what this host knew: reads it again, so that the next try can succeed.
    async fn conflict(&self, kind: Kind) -> Error {
        match self.read_changed(kind.clone()).await {
            Ok(()) => Error::Conflict { kind },
            Err(error) => error,
        }
    }
}

impl KindEntry {
    /// The version that new activations use.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == self.current)
    }

    /// Makes a version current. False: it is already.
    fn switch_to(&mut self, number: u32) -> bool {
        let changes = self.current != number;
        if changes {
            self.previous = Some(std::mem::replace(&mut self.current, number)).filter(|before| *before > 0);
        }
        changes
    }

    /// Forgets the oldest versions until the row is of a size that every store takes.
    fn forget_oldest(&mut self) {
        let size = |entry: &Self| serde_json::to_vec(entry).map_or(0, |row| row.len());
        while self.versions.len() > 1 && (self.versions.len() > VERSIONS_MAX || size(self) > ROW_BYTES_MAX) {
            self.versions.remove(0);
        }
    }

    /// The newest version whose digest begins so; without a digest, the one that was current before.
    fn find(&self, digest: Option<&str>) -> Result<&Version, Error> {
        let Some(digest) = digest else {
            let before = self.versions.iter().find(|version| Some(version.number) == self.previous);
            return before.ok_or_else(|| Error::NoEarlier { kind: self.kind.clone() });
        };
        let begins = |version: &&Version| {
            let full = version.digest.to_string();
            full.starts_with(digest) || full.trim_start_matches("sha256:").starts_with(digest)
        };
        let found: Vec<&Version> = self.versions.iter().filter(begins).collect();
        let matches = found.iter().map(|version| version.digest).collect::<BTreeSet<_>>().len();
        let unknown = || Error::UnknownVersion { kind: self.kind.clone(), wanted: digest.into(), matches };
        found.last().filter(|_| matches == 1).copied().ok_or_else(unknown)
    }
}

/// What the component says about itself; a guest may say anything.
fn describe(loaded: &mut Loaded) -> Option<Description> {
    match Description::parse(loaded.describe.as_deref()?) {
        Ok(description) => Some(description),
        Err(error) => {
            loaded.warnings.push(format!("lifecycle.describe is left out: {error}"));
            None
        }
    }
}

pub(crate) fn kind_of(key: &str) -> Option<Kind> {
    Kind::new(key.strip_prefix(PREFIX)?).ok()
}

pub(crate) fn key(kind: &Kind) -> String {
    format!("{PREFIX}{kind}")
}
