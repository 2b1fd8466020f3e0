//! Headers and body as one message of NATS. A server takes 64 KiB of headers, its own included, whatever its payload may be:
//! headers above that follow the body, and one header says how long they are. Used by `log` and `table`.
//! Never loses a header and never makes one up: what does not read back is told as damage.

use async_nats::{HeaderMap, HeaderName};
use bytes::{Bytes, BytesMut};

use super::headers;
use crate::backend::Error;
use crate::message::Headers;

/// How many bytes at the body's end are headers.
const BEHIND_THE_BODY: &str = "Hydra-Headers-Bytes";
/// Ours may be so long together, in bytes on the wire; the rest of the 64 KiB is the server's.
const AHEAD_BYTES_MAX: usize = 60 << 10;
/// What the client adds to each header, in bytes: `: ` and a line break.
const HEADER_BYTES: usize = 4;
/// Begins the names of the server's own headers: they come back on every read, and say nothing to the host.
const SERVERS: &str = "Nats-";
/// The header by which clients mark a deleted row.
pub(super) const OPERATION: &str = "KV-Operation";

/// Packs them.
///
/// # Errors
/// `Damaged`: the headers cannot be written; they always can.
pub(super) fn pack(headers: &Headers, body: Bytes) -> Result<(HeaderMap, Bytes), Error> {
    let map = headers::encode(headers);
    if wire_bytes(&map) <= AHEAD_BYTES_MAX {
        return Ok((map, body));
    }
    let behind = rmp_serde::to_vec(headers).map_err(|error| damaged(&error.to_string()))?;
    let mut map = HeaderMap::new();
    headers::append(&mut map, BEHIND_THE_BODY, &behind.len().to_string());
    let mut whole = BytesMut::with_capacity(body.len() + behind.len());
    whole.extend_from_slice(&body);
    whole.extend_from_slice(&behind);
    Ok((map, whole.freeze()))
}

/// Unpacks them, without what is the server's.
///
/// # Errors
/// `Damaged`: it was not written by [`pack`].
pub(super) fn unpack(map: Option<&HeaderMap>, mut body: Bytes) -> Result<(Headers, Bytes), Error> {
    let Headers(mut all) = headers::decode_some(map, |name| !is_servers(name));
    all.retain(|(name, _)| !is_servers(name));
    let Some(at) = all.iter().position(|(name, _)| name == BEHIND_THE_BODY) else {
        return Ok((Headers(all), body));
    };
    let (_, length) = all.remove(at);
    let start = length.parse().ok().and_then(|length: usize| body.len().checked_sub(length));
    let behind = body.split_off(start.ok_or_else(|| damaged("there are fewer bytes than it says"))?);
    let headers = rmp_serde::from_slice(&behind).map_err(|error| damaged(&error.to_string()))?;
    Ok((headers, body))
}

/// Whether a header is the server's or marks a row.
pub(super) fn is_servers(name: &str) -> bool {
    let begins = name.get(..SERVERS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SERVERS));
    begins || name.eq_ignore_ascii_case(OPERATION)
}

/// What headers take on the wire, but for the first and the last line.
pub(super) fn wire_bytes(map: &HeaderMap) -> usize {
    let length = |name: &HeaderName| AsRef::<str>::as_ref(name).len() + HEADER_BYTES;
    map.iter().map(|(name, values)| values.iter().map(|value| length(name) + value.as_str().len()).sum::<usize>()).sum()
}

fn damaged(reason: &str) -> Error {
    Error::Damaged { reason: format!("headers behind a body do not read back: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::HEADERS_BYTES_MAX;

    fn headers(size: usize) -> Headers {
        Headers(vec![("a".into(), "x".repeat(size - 1))])
    }

    #[test]
    fn headers_of_every_length_come_back() {
        for size in [1, AHEAD_BYTES_MAX - 10, AHEAD_BYTES_MAX, HEADERS_BYTES_MAX] {
            let (map, body) = pack(&headers(size), Bytes::from_static(b"body")).unwrap();
            assert!(wire_bytes(&map) <= AHEAD_BYTES_MAX);
            assert_eq!(unpack(Some(&map), body).unwrap(), (headers(size), Bytes::from_static(b"body")));
        }
    }

    #[test]
    fn what_is_the_servers_is_left_out() {
        let mut map = headers::encode(&headers(5));
        for name in ["Nats-Sequence", "nats-ttl", "KV-Operation"] {
            headers::append(&mut map, name, "1");
        }
        assert_eq!(unpack(Some(&map), Bytes::new()).unwrap().0, headers(5));
    }

    #[test]
    fn a_length_that_somebody_made_up_is_damage() {
        for length in ["5", "-1", "", "99999999999999999999", "4"] {
            let mut map = HeaderMap::new();
            headers::append(&mut map, BEHIND_THE_BODY, length);
            assert!(matches!(unpack(Some(&map), Bytes::from_static(b"body")), Err(Error::Damaged { .. })), "{length}");
        }
    }
}
