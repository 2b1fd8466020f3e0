//! Bytes as people read them: JSON if they are JSON, else text, else base64.
//! Used for bodies and states in reports and recordings. Pure; never changes a byte.

use std::fmt;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A body or a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(pub Bytes);

impl Content {
    /// The bytes as JSON, if they are.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.0).ok()
    }

    /// The bytes as text, if they are.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.json(), self.text()) {
            (Some(json), _) => json.fmt(f),
            (None, Some("")) => f.write_str("nothing"),
            (None, Some(text)) if text.chars().all(is_readable) => fmt::Debug::fmt(text, f),
            _ => write!(f, "base64 {}", data_encoding::BASE64.encode(&self.0)),
        }
    }
}

/// Whether people can make something of a character.
fn is_readable(character: char) -> bool {
    !character.is_control() || character.is_whitespace()
}

/// The two forms in a file: text wherever the bytes are text, so that people can read and change it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Text(String),
    Base64(String),
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = match self.text() {
            Some(text) => Written::Text(text.into()),
            None => Written::Base64(data_encoding::BASE64.encode(&self.0)),
        };
        written.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(from)? {
            Written::Text(text) => text.into(),
            Written::Base64(text) => data_encoding::BASE64
                .decode(text.as_bytes())
                .map_err(|error| D::Error::custom(format!("base64: {error}")))?
                .into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &'static [u8]) -> Content {
        Content(Bytes::from_static(bytes))
    }

    #[test]
    fn bytes_are_shown_as_what_they_are() {
        let shown =
            [&b"{ \"a\": 1 }"[..], b"plain \"x\"", b"", &[0xff], b"\x03\0"].map(|bytes| content(bytes).to_string());
        assert_eq!(shown, [r#"{"a":1}"#, r#""plain \"x\"""#, "nothing", "base64 /w==", "base64 AwA="]);
    }

    #[test]
    fn bytes_survive_a_file() {
        for bytes in [&b"{ \"a\": 1 }"[..], b"", &[0xff, 0]] {
            let written = serde_json::to_string(&content(bytes)).unwrap();
            assert_eq!(serde_json::from_str::<Content>(&written).unwrap(), content(bytes), "{written}");
        }
    }
}
