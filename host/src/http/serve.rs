//! Sockets: binds, accepts, speaks HTTP/1.1 on every connection, and drains.
//! Around `routes`: each request passes `guard` first, and comes back as an answer even if its handler panics.
//! Never keeps a connection, a request or a body for ever, and never more of them than the settings allow.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard::Guard;
use super::problem::{HOST_FAILED, Problem, STOPPING};
use super::routes::{Api, routes};
use crate::config;

/// Shortest bearer token, in characters.
const TOKEN_CHARACTERS_MIN: usize = 16;
/// Connections for each request that may be in work: those beyond wait to be accepted.
const CONNECTIONS_PER_REQUEST: usize = 2;
/// A request's head must have arrived, and an idle connection must be used again, within this time.
const IDLE_TIME_MAX: Duration = Duration::from_secs(120);
/// About the largest head of a request, and the buffer of one connection.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Requests in work get this long to end when the host stops; then they are told.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
/// Connections get this long to deliver their last answer.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(250);
/// How long to wait when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// When to try again, in seconds: the host may be back by then.
const STOPPING_RETRY_S: u32 = 2;

/// Why the API cannot be served. The operator corrects the settings and starts again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("{address} is in use by another process: stop it, or listen elsewhere with --http 127.0.0.1:PORT")]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with --http ADDRESS:PORT")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others on the network could reach it.
    #[error("{address} can be reached from other machines: set http.token (HYDRA_HTTP_TOKEN), or listen on 127.0.0.1")]
    TokenMissing {
        /// Where.
        address: SocketAddr,
    },
    /// The token could be guessed.
    #[error(
        "http.token has {characters} characters: use at least {TOKEN_CHARACTERS_MIN}, for example openssl rand -hex 32"
    )]
    TokenShort {
        /// How many.
        characters: usize,
    },
}

/// Opens the port, so that the caller knows the address before the host serves.
///
/// # Errors
/// See [`Error`]: show it to the operator.
pub async fn bind(config: &config::Http) -> Result<TcpListener, Error> {
    let address = config.listen;
    check(config, address)?;
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::InUse { address },
        _ => Error::Bind { address, source },
    })
}

/// Serves the API until `shutdown`; then finishes what is in work and returns within 1.25 s.
///
/// # Errors
/// `TokenMissing`, `TokenShort`, `Bind`: nothing was served; show it to the operator.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken) -> Result<(), Error> {
    let address = listener.local_addr().map_err(|source| Error::Bind { address: api.config.listen, source })?;
    check(&api.config, address)?;
    let config = api.config.clone();
    let server = Server::new(&config, address, routes(api, shutdown.clone()));
    server.run(listener, &config, shutdown).await;
    Ok(())
}

fn check(config: &config::Http, address: SocketAddr) -> Result<(), Error> {
    let characters = config.token.as_ref().map(|token| token.chars().count());
    match characters {
        None if !address.ip().to_canonical().is_loopback() => Err(Error::TokenMissing { address }),
        Some(characters) if characters < TOKEN_CHARACTERS_MIN => Err(Error::TokenShort { characters }),
        _ => Ok(()),
    }
}

/// What all connections share.
struct Server {
    guard: Guard,
    routes: TowerToHyperService<Router>,
    /// Requests still in work are told that the host stops.
    cut: CancellationToken,
    /// Connections still open are closed.
    gone: CancellationToken,
}

impl Server {
    fn new(config: &config::Http, address: SocketAddr, routes: Router) -> Arc<Self> {
        let routes = TowerToHyperService::new(routes);
        let (cut, gone) = (CancellationToken::new(), CancellationToken::new());
        Arc::new(Self { guard: Guard::new(config, address), routes, cut, gone })
    }

    async fn run(self: Arc<Self>, listener: TcpListener, config: &config::Http, shutdown: CancellationToken) {
        let connections_max = config.requests_max.clamp(1, 65_536) * CONNECTIONS_PER_REQUEST;
        let places = Arc::new(Semaphore::new(connections_max));
        let tracker = TaskTracker::new();
        // Dropping `accept` loses nothing: an accepted connection is returned at once, the others wait in the system.
        while let Some((stream, place)) = shutdown.run_until_cancelled(accept(&listener, &places)).await {
            tracker.spawn(Arc::clone(&self).converse(stream, place, shutdown.clone()));
        }
        drop(listener);
        tracker.close();
        for (time, last) in [(DRAIN_TIME_MAX, &self.cut), (CLOSE_TIME_MAX, &self.gone)] {
            if tokio::time::timeout(time, tracker.wait()).await.is_err() {
                last.cancel();
            }
        }
        tracker.wait().await;
    }

    /// One connection, from its first request to its last.
    async fn converse(self: Arc<Self>, stream: TcpStream, _place: OwnedSemaphorePermit, shutdown: CancellationToken) {
        // Answers are small and awaited: they must not wait for more to send. Failing at that is harmless.
        let _ = stream.set_nodelay(true);
        // One token for each connection: its requests do not meet those of others at one lock.
        let cut = self.cut.child_token();
        let service = service_fn(|request| self.answer(request, &cut));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_TIME_MAX)
                .max_buf_size(BUFFER_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        // A connection that breaks is the client's affair: nothing to tell. It is only borrowed here, so nothing is dropped.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        // Dropping the connection closes it, which is what `gone` asks for.
        let _ = self.gone.run_until_cancelled(connection).await;
    }

    /// One request. Always an answer: a panic is a problem, not a broken connection.
    async fn answer(&self, request: Request<Incoming>, cut: &CancellationToken) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let _pass = match self.guard.admit(&parts) {
            Ok(pass) => pass,
            Err(problem) => return Ok(problem.into_response()),
        };
        let handled = AssertUnwindSafe(self.routes.call(Request::from_parts(parts, body))).catch_unwind();
        // Dropping a request in work is as if its client had gone: a message that was accepted stays accepted.
        let handled = tokio::select! {
            biased;
            handled = handled => handled,
            () = cut.cancelled() => return Ok(stopping().into_response()),
        };
        handled.unwrap_or_else(|_| {
            tracing::error!("a request's handler panicked; this is a bug of the host");
            Ok(Problem::new(HOST_FAILED, "the host's log says more; please report it").into_response())
        })
    }
}

/// The next connection, once there is a place for it. Cancel-safe.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed; if it were, nobody could be served.
        let Ok(place) = Arc::clone(places).acquire_owned().await else { std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn stopping() -> Problem {
    let detail = "the host is stopping: a message that it has accepted is handled after its next start; \
                  repeat the request with the same Idempotency-Key";
    Problem::new(STOPPING, detail).retry_after(STOPPING_RETRY_S)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    struct Served {
        address: SocketAddr,
        shutdown: CancellationToken,
        ended: tokio::task::JoinHandle<()>,
        /// Told when a request to `/stuck` is in work.
        stuck: Arc<Notify>,
    }

    async fn bug() -> &'static str {
        panic!("a bug")
    }

    /// Serves routes that answer, panic, and never answer.
    async fn serve_tricks(requests_max: usize) -> Served {
        let stuck = Arc::new(Notify::new());
        let told = Arc::clone(&stuck);
        let never = move || async move {
            told.notify_one();
            std::future::pending::<()>().await;
        };
        let routes = Router::new()
            .route("/fine", get(|| async { "fine" }))
            .route("/panic", get(bug))
            .route("/stuck", get(never));
        let config = config::Http { listen: "127.0.0.1:0".parse().unwrap(), requests_max, ..config::Http::default() };
        let listener = bind(&config).await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (server, stop) = (Server::new(&config, address, routes), shutdown.clone());
        let ended = TaskTracker::new().spawn(async move { server.run(listener, &config, stop).await });
        Served { address, shutdown, ended, stuck }
    }

    /// Asks for these paths on one connection, and reads until it is closed.
    async fn get_all(address: SocketAddr, paths: &[&str]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for (at, path) in paths.iter().enumerate() {
            let close = if at + 1 == paths.len() { "connection: close\r\n" } else { "" };
            let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{close}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_connection_lives_on() {
        let served = serve_tricks(10).await;
        let text = get_all(served.address, &["/panic", "/fine"]).await;
        assert!(text.starts_with("HTTP/1.1 500") && text.contains("urn:hydra:host-failed"), "{text}");
        assert!(text.contains("HTTP/1.1 200") && text.ends_with("fine"), "{text}");
    }

    #[tokio::test]
    async fn requests_over_the_limit_are_turned_away_at_once() {
        let served = serve_tricks(1).await;
        let first = TaskTracker::new().spawn(async move { get_all(served.address, &["/stuck"]).await });
        served.stuck.notified().await;
        let text = get_all(served.address, &["/fine"]).await;
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("retry-after: 1"), "{text}");
        first.abort();
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_and_answers_what_is_in_work() {
        let served = serve_tricks(10).await;
        let mut idle = TcpStream::connect(served.address).await.unwrap();
        idle.write_all(b"GET /fine HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let stuck = TaskTracker::new().spawn(async move { get_all(served.address, &["/stuck"]).await });
        served.stuck.notified().await;
        served.shutdown.cancel();
        let text = stuck.await.unwrap();
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("urn:hydra:stopping"), "{text}");
        let mut text = String::new();
        idle.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("fine"), "{text}");
        served.ended.await.unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_stops_in_the_middle_of_a_request_does_not_hold_up_the_stop() {
        let served = serve_tricks(10).await;
        let mut half = TcpStream::connect(served.address).await.unwrap();
        half.write_all(b"GET /fine HTT").await.unwrap();
        assert!(get_all(served.address, &["/fine"]).await.ends_with("fine"));
        served.shutdown.cancel();
        served.ended.await.unwrap();
    }

    #[tokio::test]
    async fn an_open_port_needs_a_token_that_cannot_be_guessed() {
        let mut config = config::Http { listen: "0.0.0.0:0".parse().unwrap(), ..config::Http::default() };
        assert!(matches!(bind(&config).await, Err(Error::TokenMissing { .. })));
        config.token = Some("short".into());
        assert!(matches!(bind(&config).await, Err(Error::TokenShort { characters: 5 })));
        config.token = Some("0123456789abcdef".into());
        assert!(bind(&config).await.is_ok());
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_flag_to_change() {
        let mut config = config::Http { listen: "127.0.0.1:0".parse().unwrap(), ..config::Http::default() };
        let first = bind(&config).await.unwrap();
        config.listen = first.local_addr().unwrap();
        let said = bind(&config).await.unwrap_err().to_string();
        assert!(said.contains(&config.listen.to_string()) && said.contains("--http"), "{said}");
    }
}
