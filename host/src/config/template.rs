//! Text with gaps that a foreign message fills: how a source names the actor and the subject of what it hands on.
//! Ground floor: pure. Read with the settings, filled by `source`. Never looks into a message itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Kind;

/// Begins a gap that a header fills, and one that a value in a JSON body fills.
const HEADER: &str = "header:";
const JSON: &str = "json:";

/// Why a text is no template, or no address. Tell its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A brace that begins or ends nothing, or a gap that nothing can fill.
    #[error("{text:?}: gaps are {{1}} for the first wildcard of the filter, {{header:NAME}}, or {{json:/POINTER}}")]
    Gap {
        /// The whole text.
        text: String,
    },
    /// Not `KIND/ID`.
    #[error("{text:?} names no actor: write KIND/ID, for example order/{{1}}")]
    Address {
        /// The whole text.
        text: String,
    },
    /// The kind cannot be one.
    #[error(transparent)]
    Kind(#[from] crate::id::Error),
}

/// What fills a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// What the filter's wildcard of this number stands for; the first is 1.
    Wildcard(usize),
    /// The first header of this name.
    Header(String),
    /// The text or number at this JSON pointer of the body.
    Json(String),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard(number) => write!(f, "{{{number}}}"),
            Self::Header(name) => write!(f, "{{{HEADER}{name}}}"),
            Self::Json(pointer) => write!(f, "{{{JSON}{pointer}}}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Gap(Gap),
}

/// Text with gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Vec<Part>);

impl Template {
    /// Reads `text {1} {header:NAME} {json:/POINTER}`. There is no way to write a brace.
    ///
    /// # Errors
    /// `Error::Gap`: tell the author.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Gap { text: crate::id::shown(text) };
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let (inside, after) = behind.split_once('}').ok_or_else(wrong)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(Part::Gap(gap(inside).ok_or_else(wrong)?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        let has_brace = |part: &Part| matches!(part, Part::Text(text) if text.contains('}'));
        if parts.is_empty() || parts.iter().any(has_brace) { Err(wrong()) } else { Ok(Self(parts)) }
    }

    /// The gaps, in order.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.0.iter().filter_map(|part| match part {
            Part::Gap(gap) => Some(gap),
            Part::Text(_) => None,
        })
    }

    /// The text with its gaps filled.
    ///
    /// # Errors
    /// The first gap that nothing fills.
    pub fn fill<'t>(&'t self, mut find: impl FnMut(&'t Gap) -> Option<String>) -> Result<String, &'t Gap> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Gap(gap) => filled.push_str(&find(gap).ok_or(gap)?),
            }
        }
        Ok(filled)
    }
}

fn gap(inside: &str) -> Option<Gap> {
    if let Some(name) = inside.strip_prefix(HEADER) {
        return (!name.is_empty()).then(|| Gap::Header(name.into()));
    }
    if let Some(pointer) = inside.strip_prefix(JSON) {
        return pointer.starts_with('/').then(|| Gap::Json(pointer.into()));
    }
    inside.parse().ok().filter(|number| *number > 0).map(Gap::Wildcard)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Gap(gap) => write!(f, "{gap}"),
        })
    }
}

impl TryFrom<String> for Template {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

/// Which actor a message goes to: a kind, and an id with gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// The actor's kind: never one of the host's own.
    pub kind: Kind,
    /// The actor's id.
    pub id: Template,
}

impl Address {
    /// Reads `KIND/ID`.
    ///
    /// # Errors
    /// [`Error`]: tell the author.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (kind, id) = text.split_once('/').ok_or_else(|| Error::Address { text: crate::id::shown(text) })?;
        Ok(Self { kind: Kind::from_outside(kind)?, id: Template::parse(id)? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl TryFrom<String> for Address {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_reads_back_and_is_filled() {
        for text in ["{1}", "eu-{2}.{1}", "{header:Order-Id}", "{json:/order/id}", "plain"] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
        let template = Template::parse("a{1}b{header:X}").unwrap();
        assert_eq!(template.fill(|gap| Some(format!("<{gap}>"))), Ok("a<{1}>b<{header:X}>".into()));
        assert_eq!(template.fill(|_| None), Err(&Gap::Wildcard(1)));
    }

    #[test]
    fn what_is_no_gap_is_refused() {
        for text in ["", "{", "a}", "{}", "{0}", "{-1}", "{x}", "{header:}", "{json:id}", "{1", "{{1}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_kind_that_may_be_spoken_to_and_an_id() {
        assert_eq!(Address::parse("order/{1}").unwrap().to_string(), "order/{1}");
        for text in ["order", "Order/{1}", "sys-source/{1}", "order/", "/{1}", "{1}/a"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
