//! A network between a host and its NATS server that a test breaks: cut, silent, slow, or with a part of the stream that
//! arrives long after its sender has gone. Every connection passes through; nothing is read but bytes.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For so long a connection's bytes are kept back before its sender is cut off.
const KEPT_BACK: Duration = Duration::from_millis(300);
/// Bytes passed on at once.
const CHUNK: usize = 64 << 10;

/// Where bytes do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    ToServer,
    FromServer,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "both ways",
            Self::ToServer => "to the server",
            Self::FromServer => "from the server",
        })
    }
}

/// How bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Open,
    /// Nothing passes this way; nobody is told.
    Silent(Way),
    /// Each chunk takes so long.
    Slow(Duration),
}

impl Pace {
    fn is_silent(self, way: Way) -> bool {
        self == Self::Silent(Way::Both) || self == Self::Silent(way)
    }
}

/// What all connections obey.
#[derive(Debug, Clone, Copy)]
struct Orders {
    pace: Pace,
    /// Connections made before this number was raised are cut.
    cut: u64,
    /// Those made before this number was raised are cut, and what was sent last arrives so much later.
    late: (u64, Duration),
}

/// A way to one server. Closed when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    orders: watch::Sender<Orders>,
    ended: CancellationToken,
    /// Connections whose last bytes are still to arrive.
    late: TaskTracker,
}

impl Proxy {
    /// A way to the server on this port.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn to(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (orders, obeyed) = watch::channel(Orders { pace: Pace::Open, cut: 0, late: (0, Duration::ZERO) });
        let (ended, late) = (CancellationToken::new(), TaskTracker::new());
        let tracker = late.clone();
        let accepting = async move {
            while let Ok((client, _)) = listener.accept().await {
                // Connections end with the test's runtime at the latest.
                TaskTracker::new().spawn(connection(client, server, obeyed.clone(), tracker.clone()));
            }
        };
        TaskTracker::new().spawn(ended.clone().run_until_cancelled_owned(accepting));
        Ok(Self { port, orders, ended, late })
    }

    /// Its address, for `nats.urls`.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Cuts all connections; new ones pass.
    pub(crate) fn cut(&self) {
        self.orders.send_modify(|orders| orders.cut += 1);
    }

    /// Nothing passes this way any more.
    pub(crate) fn silence(&self, way: Way) {
        self.orders.send_modify(|orders| orders.pace = Pace::Silent(way));
    }

    /// Each chunk takes so long.
    pub(crate) fn slow(&self, delay: Duration) {
        self.orders.send_modify(|orders| orders.pace = Pace::Slow(delay));
    }

    /// Everything passes again.
    pub(crate) fn open(&self) {
        self.orders.send_modify(|orders| orders.pace = Pace::Open);
    }

    /// Cuts all connections; what hosts sent last arrives so much later. New connections pass.
    pub(crate) fn delay_the_last(&self, after: Duration) {
        self.orders.send_modify(|orders| orders.late = (orders.late.0 + 1, after));
    }

    /// Waits until everything that is late has arrived.
    pub(crate) async fn nothing_late(&self) {
        self.late.close();
        self.late.wait().await;
        self.late.reopen();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.cancel();
        self.cut();
    }
}

async fn connection(client: TcpStream, server: u16, orders: watch::Receiver<Orders>, late: TaskTracker) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let began = *orders.borrow();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut changes = orders.clone();
    let ordered = |orders: &Orders| orders.cut > began.cut || orders.late.0 > began.late.0;
    // Dropping the passing of bytes is what a cut is.
    let order = tokio::select! {
        biased;
        order = changes.wait_for(ordered) => order.map(|orders| *orders).ok(),
        () = pass(&mut from_client, &mut to_server, Way::ToServer, orders.clone()) => None,
        () = pass(&mut from_server, &mut to_client, Way::FromServer, orders.clone()) => None,
    };
    let Some(Orders { late: (number, after), .. }) = order else { return };
    if number == began.late.0 {
        return;
    }
    late.spawn(async move {
        let kept = keep_back(&mut from_client).await;
        drop((from_client, to_client));
        // Not a wait for anything: to arrive late is all that these bytes are for.
        let _ = timeout(after, std::future::pending::<()>()).await;
        let _ = to_server.write_all(&kept).await;
        let _ = to_server.shutdown().await;
        // Until the server has read it all and hangs up.
        while from_server.read(&mut vec![0; CHUNK]).await.is_ok_and(|count| count > 0) {}
    });
}

/// Passes bytes on until one side closes.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: Way,
    orders: watch::Receiver<Orders>,
) {
    let (mut orders, mut chunk) = (orders, vec![0; CHUNK]);
    while let Ok(count) = from.read(&mut chunk).await {
        if count == 0 || orders.wait_for(|orders| !orders.pace.is_silent(way)).await.is_err() {
            return;
        }
        let pace = orders.borrow().pace;
        if let Pace::Slow(delay) = pace {
            let _ = timeout(delay, std::future::pending::<()>()).await;
        }
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

async fn keep_back(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let (end, mut kept) = (Instant::now() + KEPT_BACK, Vec::new());
    while let Ok(Ok(count)) = timeout_at(end, from.read_buf(&mut kept)).await {
        if count == 0 {
            break;
        }
    }
    kept
}
