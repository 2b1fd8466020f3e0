//! Refuses what is larger than a store takes, before anything of it is stored.
//! Used by both backends, so that what fits one fits the other.

use super::{Error, HEADERS_BYTES_MAX, NewMessage, VALUE_BYTES_MAX};
use crate::message::Headers;

/// Checks the messages of one append.
pub(super) fn check_messages(messages: &[NewMessage]) -> Result<(), Error> {
    messages.iter().try_for_each(|message| {
        check_size("the body", message.body.len(), VALUE_BYTES_MAX)?;
        check_headers(&message.headers)
    })
}

/// Checks a row to be written.
pub(super) fn check_row(value: &[u8], headers: &Headers) -> Result<(), Error> {
    check_size("the value", value.len(), VALUE_BYTES_MAX)?;
    check_headers(headers)
}

fn check_headers(headers: &Headers) -> Result<(), Error> {
    let size = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
    check_size("the sum of all headers", size, HEADERS_BYTES_MAX)
}

fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size <= limit { Ok(()) } else { Err(Error::TooLarge { what, size, limit }) }
}
