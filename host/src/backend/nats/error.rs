//! Why a store on NATS cannot be opened, and what NATS says as the host understands it: the host decides by kind, people
//! read the reason and what to do about it. Used by everything beside it.
//! Never lets an error of the client or the server pass the seam as it is.

use std::path::PathBuf;

use crate::backend::Error;

/// Why a store on NATS cannot be opened. The operator's to correct; no existing stream was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file with credentials or certificates cannot be used. Correct its path, rights or content.
    #[error("cannot use {path}, which {setting} names: {reason}")]
    File {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No server answers. Correct the addresses, or start the servers.
    #[error("no NATS server answers at {urls}: {reason}: start it, or correct nats.urls (--nats)")]
    Unreachable {
        /// The addresses that were tried.
        urls: String,
        /// What came instead of an answer.
        reason: String,
    },
    /// The server does not take the credentials. Correct them, there or here.
    #[error("the NATS server at {urls} refuses these credentials ({used}): {reason}: {cure}")]
    Credentials {
        /// The addresses that were tried.
        urls: String,
        /// Which settings were used to log in.
        used: &'static str,
        /// What the server says.
        reason: String,
        /// What to change.
        cure: &'static str,
    },
    /// The server does not prove who it is. Correct the address or the authority.
    #[error("no safe connection to {urls}: {reason}: {cure}")]
    Tls {
        /// The addresses that were tried.
        urls: String,
        /// What is wrong with the certificate.
        reason: String,
        /// What to change.
        cure: &'static str,
    },
    /// The server is too old. Update it.
    #[error("the NATS server is version {found}, Hydra needs {needed} or later, for: {missing}: update the server")]
    Version {
        /// What it says.
        found: String,
        /// What is needed.
        needed: &'static str,
        /// What the found version lacks.
        missing: String,
    },
    /// The account has no JetStream. Turn it on.
    #[error("there is no JetStream: {reason}: {cure}")]
    NoJetStream {
        /// What the server says.
        reason: String,
        /// What to do.
        cure: &'static str,
    },
    /// A stream of ours is gone. A human must bring it back, or give up what it held.
    #[error(
        "the system is there and {streams} is missing: bring it back from a copy (nats stream restore); without one its \
         messages are lost: begin a new system (another nats.system or nats.region), so that nothing is taken for handled"
    )]
    Lost {
        /// Their names.
        streams: String,
    },
    /// A stream of ours is somebody else's. Choose other names, or remove it.
    #[error(
        "the stream {stream} is there with other subjects ({found}, not {wanted}): it is not Hydra's, or another version's: \
         choose another nats.system or nats.region, or remove that stream"
    )]
    Foreign {
        /// Which stream.
        stream: String,
        /// Its subjects.
        found: String,
        /// The subjects that it would need.
        wanted: String,
    },
    /// A stream cannot be made. Do what the text says.
    #[error("cannot make the stream {stream}: {reason}")]
    Provision {
        /// Which stream.
        stream: String,
        /// What the server says and what to do.
        reason: String,
    },
    /// The store itself failed while it was opened.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Error codes of JetStream that mean something here. Others are read by their text alone.
pub(super) mod code {
    /// The account's quota is used up.
    pub(crate) const ACCOUNT_RESOURCES: u16 = 10002;
    /// Fewer servers run, or have room, than a stream is to have copies.
    pub(crate) const NO_PEERS: u16 = 10005;
    /// No leader, or it has just changed.
    pub(crate) const TEMPORARILY_UNAVAILABLE: u16 = 10008;
    /// Whoever was asked is not the leader any more.
    pub(crate) const NOT_LEADER: u16 = 10009;
    /// No such consumer.
    pub(crate) const CONSUMER_NOT_FOUND: u16 = 10014;
    /// The servers cannot place a stream: memory, disk, or too few of them.
    pub(crate) const INSUFFICIENT_RESOURCES: u16 = 10023;
    /// Memory for streams is used up.
    pub(crate) const MEMORY_RESOURCES: u16 = 10028;
    /// No message there.
    pub(crate) const NO_MESSAGE: u16 = 10037;
    /// The account may not use JetStream.
    pub(crate) const NOT_FOR_ACCOUNT: u16 = 10039;
    /// Disk for streams is used up.
    pub(crate) const STORAGE_RESOURCES: u16 = 10047;
    /// Larger than the stream takes.
    pub(crate) const MESSAGE_TOO_LARGE: u16 = 10054;
    /// There is a stream of this name with another configuration.
    pub(crate) const NAME_IN_USE: u16 = 10058;
    /// No such stream.
    pub(crate) const STREAM_NOT_FOUND: u16 = 10059;
    /// Another stream takes some of these subjects.
    pub(crate) const SUBJECTS_OVERLAP: u16 = 10065;
    /// More replicas than there are servers.
    pub(crate) const REPLICAS: u16 = 10074;
    /// JetStream is off.
    pub(crate) const NOT_ENABLED: u16 = 10076;
    /// No message at this position.
    pub(crate) const SEQUENCE_NOT_FOUND: u16 = 10043;
    /// The stream's limit is reached, or the disk does not take it.
    pub(crate) const STORE_FAILED: u16 = 10077;
    /// Headers above 64 KiB.
    pub(crate) const HEADERS_TOO_LARGE: u16 = 10097;
}

/// A refusal of the server: nothing was stored, as far as it can know that.
pub(super) fn refused(code: u16, text: &str) -> Error {
    let reason = match cure(code) {
        Some(cure) => format!("{text} ({code}): {cure}"),
        None => format!("the server says {code}: {text}"),
    };
    match code {
        // What this server cannot keep, the others may have kept.
        code::STORE_FAILED => Error::Unknown { reason },
        _ => Error::Unavailable { reason },
    }
}

/// What to do about a refusal, where that is known.
pub(super) fn cure(code: u16) -> Option<&'static str> {
    Some(match code {
        code::ACCOUNT_RESOURCES => "raise the account's JetStream limits, or remove what it keeps",
        code::STORAGE_RESOURCES => "raise jetstream.max_file_store on the servers, or make room",
        code::MEMORY_RESOURCES => "raise jetstream.max_memory_store on the servers, or make room",
        code::INSUFFICIENT_RESOURCES => "give the servers more disk or memory, or lower nats.replicas",
        code::STORE_FAILED => "the disk is full or the stream's own limit is reached: make room, or raise the limit",
        code::NOT_ENABLED => "start the servers with JetStream: nats-server -js",
        code::NOT_FOR_ACCOUNT => "give the account JetStream, or connect with one that has it",
        code::NO_PEERS => "fewer servers run, or have room, than nats.replicas says: start them, or make room",
        code::TEMPORARILY_UNAVAILABLE | code::NOT_LEADER => {
            "the stream has no leader: look whether most of its servers run"
        }
        code::REPLICAS => "nats.replicas is more than there are servers: lower it, or add servers",
        code::STREAM_NOT_FOUND => "somebody has deleted it: run hydra doctor, and see docs/guide/run-on-nats.md",
        code::SUBJECTS_OVERLAP => {
            "another stream takes these subjects: choose another nats.system, or remove that stream"
        }
        code::NAME_IN_USE => "a stream of this name is there already: choose another nats.system, or remove it",
        code::MESSAGE_TOO_LARGE | code::HEADERS_TOO_LARGE => "it is larger than the stream takes: see hydra doctor",
        _ => return None,
    })
}

/// A question that was not answered: nothing was changed.
pub(super) fn unanswered(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable { reason: format!("cannot {what}: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_code_and_what_to_do() {
        let Error::Unavailable { reason } = refused(code::STORAGE_RESOURCES, "insufficient storage") else { panic!() };
        assert!(reason.contains("insufficient storage (10047)") && reason.contains("max_file_store"), "{reason}");
        let Error::Unavailable { reason } = refused(1, "odd") else { panic!() };
        assert_eq!(reason, "the server says 1: odd");
    }

    #[test]
    fn a_refusal_after_which_it_may_be_stored_leaves_it_unknown() {
        assert!(matches!(refused(code::STORE_FAILED, "why"), Error::Unknown { .. }));
    }
}
