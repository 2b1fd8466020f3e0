//! Why a store did not do what was asked, in the few words that a caller acts on.
//! Never names a backend's own error: its words are the reason.

/// Why the store did not do what was asked. Always the host's fault, never the guest's or the caller's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing was stored; trying again later may work: the disk is full, the server away.
    #[error("the store cannot serve: {reason}")]
    Unavailable {
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// It may or may not be stored. Repeat it with the same id or expectation, or read it back.
    #[error("the store did not say whether it was stored: {reason}")]
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// Nothing was stored and trying again cannot help: larger than the store takes.
    #[error("{what} is {size} bytes, the store takes {limit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Somebody else owns this, or this store is closed. Stand down.
    #[error("the store is closed or owned by somebody else")]
    Closed,
    /// What is stored cannot be read. A human must act.
    #[error("the store is damaged: {reason}")]
    Damaged {
        /// What was found where, and what to do.
        reason: String,
    },
}

impl From<crate::random::Error> for Error {
    fn from(error: crate::random::Error) -> Self {
        Self::Unavailable { reason: error.to_string() }
    }
}

impl Error {
    /// Whether the same call may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unknown { .. })
    }
}
