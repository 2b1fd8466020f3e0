//! Headers as NATS carries them. Its grammar is narrower than ours: names are printable ASCII without a colon, values have
//! no line breaks and no spaces at their ends. What does not fit is escaped and comes back as it was.
//! Used by `log`, `table` and whoever reads them. Never fails: what another program wrote passes as it is.
//! The order of different names is lost on the way, that of equal names is kept; so names come back sorted.

use async_nats::{HeaderMap, HeaderName, HeaderValue};

use crate::id::{escape, unescape};
use crate::message::Headers;

/// What an escaped name or value begins with.
const ESCAPED: &str = "=?";

/// The header that carries our message ids; the server knows it.
pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";
/// When a message's content was fixed, in milliseconds since 1970.
pub(super) const COMMITTED: &str = "Hydra-Committed";

/// Writes headers for the wire.
pub(super) fn encode(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in &headers.0 {
        append(&mut map, name, value);
    }
    map
}

/// Adds one header behind the others.
pub(super) fn append(map: &mut HeaderMap, name: &str, value: &str) {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(ESCAPED)
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    let is_value = |value: &str| {
        value.trim() == value && !value.starts_with(ESCAPED) && !value.contains(|char: char| char.is_control())
    };
    let name = HeaderName::try_from(written(name, is_name));
    if let (Ok(name), Ok(value)) = (name, written(value, is_value).parse::<HeaderValue>()) {
        map.append(name, value);
    }
}

fn written(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) { text.into() } else { format!("{ESCAPED}{}", escape(text)) }
}

/// Reads headers from the wire, sorted by name.
pub(super) fn decode(map: Option<&HeaderMap>) -> Headers {
    decode_some(map, |_| true)
}

/// Reads those headers whose name on the wire is wanted, sorted by name.
pub(super) fn decode_some(map: Option<&HeaderMap>, is_wanted: impl Fn(&str) -> bool) -> Headers {
    let mut headers = Vec::new();
    for (name, values) in map.into_iter().flat_map(HeaderMap::iter).filter(|(name, _)| is_wanted(name.as_ref())) {
        let name = read(name.as_ref());
        headers.extend(values.iter().map(|value| (name.clone(), read(value.as_str()))));
    }
    // Stable, so that equal names keep their order.
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Headers(headers)
}

/// The first value under this name, spelled so.
pub(super) fn get(map: &HeaderMap, name: &'static str) -> Option<String> {
    map.get(name).map(|value| read(value.as_str()))
}

/// What the server says under this name, in a message that it answers with. It appends: a value before its own is the
/// publisher's, who may have written anything.
pub(super) fn of_server<'m>(map: &'m HeaderMap, name: &'static str) -> Option<&'m str> {
    map.get_last(name).map(HeaderValue::as_str)
}

fn read(text: &str) -> String {
    let escaped = text.strip_prefix(ESCAPED).and_then(|escaped| unescape(escaped).ok());
    escaped.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_survive_the_wire(pairs in proptest::collection::vec((".{0,12}", "(?s).{0,20}"), 0..6)) {
            let mut expected = pairs.clone();
            expected.sort_by(|(one, _), (other, _)| one.cmp(other));
            let map = encode(&Headers(pairs));
            for (name, values) in map.iter() {
                let name: &str = name.as_ref();
                prop_assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
                prop_assert!(values.iter().all(|value| value.as_str().trim() == value.as_str()));
            }
            prop_assert_eq!(decode(Some(&map)).0, expected);
        }
    }

    #[test]
    fn plain_headers_stay_readable() {
        let map = encode(&Headers(vec![("X-Name".into(), "Jürgen, 5 = 5".into())]));
        assert_eq!(map.get("X-Name").map(HeaderValue::as_str), Some("Jürgen, 5 = 5"));
    }

    #[test]
    fn what_others_wrote_passes_as_it_is() {
        let mut map = HeaderMap::new();
        map.append("X-A", "=?not=canonical");
        map.append("X-A", "=?=zz");
        assert_eq!(decode(Some(&map)).0, [("X-A".into(), "=?not=canonical".into()), ("X-A".into(), "=?=zz".into())]);
        assert_eq!(decode(None), Headers::default());
    }
}
