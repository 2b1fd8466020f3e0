//! A scripted HTTP server on a port of its own: the outside world of a test. It answers as the script says, or misbehaves.
//! Speaks just enough HTTP/1.1 for that, byte by byte, since a well-kept server would refuse to do what clients must survive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longest head of a request that is read, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// In capitals.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As text.
    pub body: String,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, headers, and a body.
    Answer(u16, Vec<(String, String)>, String),
    /// Never ends the body.
    Endless,
    /// Says nothing more, and keeps the connection.
    Silence,
    /// Closes the connection without a word.
    Close,
}

/// An answer with this status and body.
#[must_use]
pub fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer(status, Vec::new(), body.into())
}

/// An answer with one header and no body.
#[must_use]
pub fn with_header(status: u16, name: &str, value: &str) -> Reply {
    Reply::Answer(status, vec![(name.into(), value.into())], String::new())
}

type Script = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

/// A running server. Ends when it is dropped.
pub struct Origin {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _ended: DropGuard,
}

impl Origin {
    /// Starts a server that does with each request what the script says; the number counts requests from 1.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (seen, ended) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let serving = serve(listener, Arc::new(script), seen.clone(), ended.clone());
        let stop = ended.clone();
        tokio::runtime::Handle::current().spawn(async move { stop.run_until_cancelled(serving).await });
        Ok(Self { url, seen, _ended: ended.drop_guard() })
    }

    /// All requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("requests").clone()
    }
}

async fn serve(listener: TcpListener, script: Script, seen: Arc<Mutex<Vec<Seen>>>, ended: CancellationToken) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (script, seen, ended) = (script.clone(), seen.clone(), ended.clone());
        tokio::runtime::Handle::current().spawn(async move {
            let work = async {
                // Whoever sends no request, or goes before the answer, has a reason of its own.
                let Ok(request) = read(&mut stream).await else { return };
                let number = {
                    let mut all = seen.lock().expect("requests");
                    all.push(request.clone());
                    all.len()
                };
                let _ = write(&mut stream, script(&request, number)).await;
            };
            ended.run_until_cancelled(work).await;
        });
    }
}

async fn read(stream: &mut TcpStream) -> Result<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        anyhow::ensure!(bytes.len() < HEAD_BYTES_MAX && stream.read_buf(&mut bytes).await? > 0, "no request");
    };
    let head = std::str::from_utf8(&bytes[..end])?.to_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().context("a first line")?.split(' ');
    let (method, path) = (first.next().context("a method")?.into(), first.next().context("a path")?.into());
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
    while bytes.len() < end + 4 + length {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "a body that ends early");
    }
    let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    Ok(Seen { method, path, headers, body })
}

async fn write(stream: &mut TcpStream, reply: Reply) -> Result<()> {
    match reply {
        Reply::Answer(status, headers, body) => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            Ok(stream.shutdown().await?)
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 -\r\ncontent-type: text/plain\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16 << 10]).await?;
            }
        }
        Reply::Silence => std::future::pending().await,
        Reply::Close => Ok(()),
    }
}
