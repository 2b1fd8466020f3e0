//! What a message carries, as written on the command line: a body and headers.
//! Shared by `send`, `ask` and `state set`. Never changes a byte.

use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};

/// Most that is read from a file or from standard input: far above every limit of a host, far below the memory.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Where bytes come from: `TEXT`, `@FILE` or `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// The argument itself.
    Text(String),
    /// A file's bytes.
    File(PathBuf),
    /// Standard input, to its end.
    Stdin,
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("") => Err("a file's name follows the @: @body.json".into()),
            Some(path) => Ok(Self::File(path.into())),
            None if text == "-" => Ok(Self::Stdin),
            None => Ok(Self::Text(text.into())),
        }
    }
}

impl Input {
    /// The bytes.
    ///
    /// # Errors
    /// The file cannot be read, or there is far more than any message takes.
    pub(super) fn read(&self) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(text.clone().into()),
            Self::Stdin => read_bounded(std::io::stdin().lock(), "standard input"),
            Self::File(path) => {
                let name = path.display().to_string();
                read_bounded(std::fs::File::open(path).with_context(|| format!("open {name}"))?, &name)
            }
        }
    }
}

fn read_bounded(source: impl Read, name: &str) -> Result<Bytes> {
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("read {name}"))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > INPUT_BYTES_MAX {
        bail!("{name} is larger than {INPUT_BYTES_MAX} bytes: no message and no state takes that");
    }
    Ok(bytes.into())
}

/// Reads `--header NAME:VALUE`; only those that travel with a message are taken.
pub(super) fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME:VALUE, for example X-Tenant:7")?;
    let name = HeaderName::from_str(name.trim()).map_err(|error| error.to_string())?;
    if name != reqwest::header::CONTENT_TYPE && !name.as_str().starts_with("x-") {
        return Err("only Content-Type and X-… travel with a message".into());
    }
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?))
}

/// Reads an idempotency key: what can stand in a header.
pub(super) fn parse_key(text: &str) -> Result<String, String> {
    let valid = !text.trim().is_empty() && text.len() <= hydra::message::KEY_BYTES_MAX;
    let valid = valid && HeaderValue::from_str(text).is_ok();
    if valid { Ok(text.into()) } else { Err(format!("1 to {} visible bytes", hydra::message::KEY_BYTES_MAX)) }
}

/// Reads a subject.
pub(super) fn parse_subject(text: &str) -> Result<String, String> {
    hydra::names::Subject::new(text).map(|subject| subject.as_str().into()).map_err(|error| error.to_string())
}

/// Reads a kind; the host's own ones can be looked at, so they pass.
pub(super) fn parse_kind(text: &str) -> Result<hydra::id::Kind, String> {
    hydra::id::Kind::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_text_a_file_or_standard_input() {
        assert_eq!("5".parse(), Ok(Input::Text("5".into())));
        assert_eq!("-".parse(), Ok(Input::Stdin));
        assert_eq!("@a b.json".parse(), Ok(Input::File("a b.json".into())));
        assert_eq!("".parse(), Ok(Input::Text(String::new())));
        assert!("@".parse::<Input>().is_err());
    }

    #[test]
    fn a_file_is_read_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        std::fs::write(&path, [0, 0xff, b'\n']).unwrap();
        assert_eq!(Input::File(path).read().unwrap().as_ref(), [0, 0xff, b'\n']);
        let missing = Input::File(folder.path().join("none")).read().unwrap_err();
        assert!(missing.to_string().contains("none"));
    }

    #[test]
    fn more_than_any_message_takes_is_refused_before_it_is_read() {
        let refused = read_bounded(std::io::repeat(b'x'), "the source").unwrap_err();
        assert!(refused.to_string().contains("the source is larger"));
    }

    #[test]
    fn only_headers_that_travel_are_taken() {
        assert!(parse_header("Content-Type: text/plain").is_ok() && parse_header("X-A:1:2").is_ok());
        for text in ["Host:x", "Authorization:x", "x-a", "x a:1", "X-A:a\nb"] {
            assert!(parse_header(text).is_err(), "{text}");
        }
    }
}
