//! What can be wrong with the settings, said so that its author can correct it.
//! Made by `load`, shown by the binary. Never holds a secret.

/// A mistake in the settings. Its author corrects it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The named file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {reason}")]
    Syntax {
        /// Which.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// No setting has this name.
    #[error("unknown key {key} in {origin}{}", .nearest.as_ref().map(|key| format!(": did you mean {key}?")).unwrap_or_default())]
    UnknownKey {
        /// What was written.
        key: String,
        /// Where it stands.
        origin: String,
        /// The setting that looks most like it.
        nearest: Option<String>,
    },
    /// Not a value of the right type.
    #[error("{key} in {origin}: {reason}")]
    Type {
        /// Which setting.
        key: String,
        /// Where it stands.
        origin: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// Out of bounds.
    #[error("{key} in {origin} is {value}, allowed: {bounds}")]
    Bounds {
        /// Which setting.
        key: &'static str,
        /// Where it stands.
        origin: String,
        /// What it is.
        value: String,
        /// What it may be.
        bounds: String,
    },
}

/// Every mistake that was found, one a line.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
