//! One kept-alive HTTP/1.1 connection of one caller, as cheap as it can be: bytes out, a status back.
//! A full client costs as much as the host's answer; on one machine that would halve what is measured.
//! Never speaks to anything but a Hydra host: bodies have a length, nothing is chunked.

use std::io::{Error, ErrorKind};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers of an answer at the most.
const HEADERS_MAX: usize = 64;
/// Bytes that are read at once.
const READ_BYTES: usize = 4 << 10;

/// A caller's connection.
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read; empty between exchanges.
    buffer: Vec<u8>,
}

/// What is known once the head of an answer is there.
struct Head {
    status: u16,
    /// Bytes of the head and of the body together.
    whole: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The host does not listen there.
    pub(super) async fn open(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a whole request and reads the whole answer; returns its status.
    ///
    /// # Errors
    /// The connection broke, or the answer is not one of a Hydra host. The connection is of no more use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<u16, Error> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut head: Option<Head> = None;
        loop {
            if head.is_none() {
                head = read_head(&self.buffer)?;
            }
            if let Some(head) = &head
                && self.buffer.len() >= head.whole
            {
                return Ok(head.status);
            }
            if head.is_none() && self.buffer.len() > HEAD_BYTES_MAX {
                return Err(foreign("an endless head"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// None: there is more to read.
fn read_head(bytes: &[u8]) -> Result<Option<Head>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let status = match response.parse(bytes) {
        Ok(status) => status,
        Err(_) => return Err(foreign("what is not HTTP")),
    };
    let httparse::Status::Complete(head_bytes) = status else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(header) => std::str::from_utf8(header.value).ok().and_then(|text| text.parse::<usize>().ok()),
        None if status == 204 => Some(0),
        None => None,
    };
    let length = length.ok_or_else(|| foreign("a body without a length"))?;
    Ok(Some(Head { status, whole: head_bytes.saturating_add(length) }))
}

fn foreign(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the host answers {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
        let head = read_head(bytes).unwrap().unwrap();
        assert_eq!((head.status, head.whole), (200, bytes.len()));
        assert!(read_head(bytes.get(..20).unwrap()).unwrap().is_none());
        assert_eq!(read_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().whole, 27);
    }

    #[test]
    fn what_is_no_answer_of_a_host_is_refused() {
        assert!(read_head(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(read_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
