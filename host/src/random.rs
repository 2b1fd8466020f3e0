//! Random bytes for what must be unique or secret: message ids, channels, the system's secret.
//! Ground floor. Handed to a node: tests hand in a seed, and then everything it makes up is the same in every run.
//! Never what guests draw from: their randomness is a function of the secret and the message.

use std::sync::atomic::{AtomicU64, Ordering};

/// The system gives no random bytes. Try again later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the system gives no random bytes: {reason}")]
pub struct Error {
    /// What the system says.
    pub reason: String,
}

/// Where random bytes come from.
#[derive(Debug)]
pub struct Random(Source);

#[derive(Debug)]
enum Source {
    System,
    Seed { seed: u64, drawn: AtomicU64 },
}

impl Random {
    /// The system's: nobody can foretell them.
    #[must_use]
    pub fn of_system() -> Self {
        Self(Source::System)
    }

    /// The same bytes in every run: for tests.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self(Source::Seed { seed, drawn: AtomicU64::new(0) })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// `Error`: the system gives none; try again later.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => {
                getrandom::fill(&mut bytes).map_err(|error| Error { reason: error.to_string() })?;
            }
            Source::Seed { seed, drawn } => {
                let mut hash = blake3::Hasher::new();
                hash.update(&seed.to_le_bytes());
                hash.update(&drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes());
                hash.finalize_xof().fill(&mut bytes);
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_in_every_run_and_never_the_same_twice() {
        let draw = |seed| {
            let random = Random::of_seed(seed);
            [random.bytes::<16>().unwrap(), random.bytes().unwrap()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(7)[0], draw(7)[1]);
    }
}
