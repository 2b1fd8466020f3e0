//! Who may speak to this host at all: the `Host` and `Origin` of a request, the bearer token, and how many at once.
//! The first thing that a request meets. Pure, but for counting.
//! Never says how a token differs, and never lets a web page of somebody else drive a developer's host.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::dashboard;
use super::problem::{FOREIGN_HOST, FOREIGN_ORIGIN, OVER_LIMIT, Problem, UNAUTHORIZED};
use crate::config;

/// When to try again after too many requests, in seconds.
const OVER_LIMIT_RETRY_S: u32 = 1;

/// Checks every request before it is routed.
pub(super) struct Guard {
    /// Where the host listens: clients may address it so.
    listen: IpAddr,
    hosts: Vec<String>,
    /// Only the hash is kept: comparing hashes tells nothing about the token.
    token: Option<blake3::Hash>,
    requests: Semaphore,
    requests_max: usize,
}

/// A request that may be handled; counts as long as it lives. None: it is not counted.
pub(super) type Pass<'a> = Option<SemaphorePermit<'a>>;

impl Guard {
    pub(super) fn new(config: &config::Http, address: SocketAddr) -> Self {
        let requests_max = config.requests_max.clamp(1, 65_536);
        Self {
            listen: address.ip().to_canonical(),
            hosts: config.hosts.clone(),
            token: config.token.as_ref().map(|token| blake3::hash(token.as_bytes())),
            requests: Semaphore::new(requests_max),
            requests_max,
        }
    }

    /// Whether a request may be handled. Health checks and the dashboard, which is empty, need no token; neither they nor a
    /// look at the metrics are ever too many: they are wanted most when the host has too much to do.
    pub(super) fn admit(&self, request: &Parts) -> Result<Pass<'_>, Problem> {
        self.check_host(request)?;
        self.check_origin(&request.headers)?;
        if matches!(request.uri.path(), "/healthz" | "/readyz" | "/version" | dashboard::PATH) {
            return Ok(None);
        }
        self.check_token(&request.headers)?;
        if request.uri.path() == "/metrics" {
            return Ok(None);
        }
        self.requests.try_acquire().map(Some).map_err(|_| {
            let detail = format!("{} requests are in work, more are not taken (http.requests_max)", self.requests_max);
            Problem::new(OVER_LIMIT, detail).retry_after(OVER_LIMIT_RETRY_S)
        })
    }

    /// A name that leads here by somebody else's DNS is not ours: that is how web pages reach into private networks.
    fn check_host(&self, request: &Parts) -> Result<(), Problem> {
        let mut given = request.headers.get_all(HOST).iter().map(HeaderValue::to_str);
        let known =
            given.next().is_some_and(|host| host.is_ok_and(|host| self.is_ours(host))) && given.next().is_none();
        let target_is_ours = request.uri.authority().is_none_or(|authority| self.is_ours(authority.as_str()));
        if known && target_is_ours {
            return Ok(());
        }
        let detail = "the Host header must be localhost, a loopback address, the address the host listens on, \
                      or a name in http.hosts";
        Err(Problem::new(FOREIGN_HOST, detail))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let is_ours = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| self.is_ours(authority))
        };
        if headers.get_all(ORIGIN).iter().all(is_ours) {
            return Ok(());
        }
        let detail = "web pages may use this host only from localhost, a loopback address, the address the host \
                      listens on, or a name in http.hosts";
        Err(Problem::new(FOREIGN_ORIGIN, detail))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| value.split_at_checked(7));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
        // The comparison of two hashes takes the same time wherever they differ.
        if given.is_some_and(|(_, given)| blake3::hash(given) == token) {
            return Ok(());
        }
        Err(Problem::new(UNAUTHORIZED, "send the host's http.token as: Authorization: Bearer TOKEN"))
    }

    /// Whether `NAME`, `NAME:PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT` means this host; the port may be any.
    fn is_ours(&self, authority: &str) -> bool {
        let Some(name) = without_port(authority) else { return false };
        if name.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) {
            return true;
        }
        let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
        address.is_ok_and(|address| address.is_loopback() || (address == self.listen && !address.is_unspecified()))
    }
}

/// The name or address in an authority; none if it is malformed.
fn without_port(authority: &str) -> Option<&str> {
    let (name, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.find(':').and_then(|at| authority.split_at_checked(at)).unwrap_or((authority, "")),
    };
    let port = rest.strip_prefix(':');
    let valid = rest.is_empty() || port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn guard(token: Option<&str>) -> Guard {
        let config = config::Http {
            token: token.map(Into::into),
            hosts: vec!["hydra.example.com".into()],
            requests_max: 1,
            ..config::Http::default()
        };
        Guard::new(&config, "10.1.2.3:8420".parse().unwrap())
    }

    /// The status with which a request with these headers is turned away; 0: it passes.
    fn status(guard: &Guard, path: &str, headers: &[(&str, &str)]) -> u16 {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        guard.admit(&parts).map_or_else(|problem| problem.view().status, |_| 0)
    }

    #[test]
    fn only_our_own_names_are_ours() {
        let ours = [
            "localhost",
            "localhost:8420",
            "LocalHost:1",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:8420",
            "[::ffff:127.0.0.1]:1",
            "10.1.2.3:8420",
            "10.1.2.3",
            "hydra.example.com",
            "HYDRA.example.com:443",
        ];
        let foreign = [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.1.2.4:8420",
            "0.0.0.0:8420",
            "localhost.",
            "localhost:evil",
            "user@localhost",
            "localhost@evil.example",
            "[::1",
            "[::1]evil",
            "::1",
            "[::2]",
            "hydra.example.com.evil",
            "localhost:80:80",
            " localhost",
            "192.168.0.1",
            "é",
        ];
        for host in ours {
            assert_eq!(status(&guard(None), "/v1/kinds", &[("host", host)]), 0, "{host}");
            assert_eq!(
                status(&guard(None), "/", &[("host", "localhost"), ("origin", &format!("http://{host}"))]),
                0,
                "{host}"
            );
        }
        for host in foreign {
            assert_eq!(status(&guard(None), "/healthz", &[("host", host)]), 403, "{host}");
            let origin = format!("https://{host}");
            assert_eq!(status(&guard(None), "/", &[("host", "localhost"), ("origin", &origin)]), 403, "{host}");
        }
    }

    #[test]
    fn no_host_two_hosts_and_another_target_are_foreign() {
        assert_eq!(status(&guard(None), "/", &[]), 403);
        assert_eq!(status(&guard(None), "/", &[("host", "localhost"), ("host", "evil.example")]), 403);
        assert_eq!(status(&guard(None), "http://evil.example/", &[("host", "localhost")]), 403);
        assert_eq!(status(&guard(None), "http://localhost:1/", &[("host", "localhost")]), 0);
        assert!(!Guard::new(&config::Http::default(), "0.0.0.0:1".parse().unwrap()).is_ours("0.0.0.0:1"));
    }

    #[test]
    fn pages_without_a_proper_origin_are_foreign() {
        for origin in ["null", "", "localhost", "file://localhost", "chrome-extension://localhost", "http://"] {
            assert_eq!(status(&guard(None), "/", &[("host", "localhost"), ("origin", origin)]), 403, "{origin}");
        }
    }

    #[test]
    fn with_a_token_nothing_else_opens() {
        let guard = guard(Some("0123456789abcdef"));
        let host = ("host", "localhost");
        for (value, expected) in [
            ("Bearer 0123456789abcdef", 0),
            ("bearer 0123456789abcdef", 0),
            ("Bearer 0123456789abcdeF", 401),
            ("Bearer 0123456789abcdef ", 401),
            ("Bearer ", 401),
            ("Basic 0123456789abcdef", 401),
            ("0123456789abcdef", 401),
            ("", 401),
        ] {
            assert_eq!(status(&guard, "/v1/kinds", &[host, ("authorization", value)]), expected, "{value}");
        }
        for path in ["/v1/kinds", "/metrics"] {
            assert_eq!(status(&guard, path, &[host]), 401, "{path}");
        }
        for open in ["/healthz", "/readyz", "/version", "/dashboard"] {
            assert_eq!(status(&guard, open, &[host]), 0, "{open}");
        }
    }

    #[test]
    fn more_requests_than_allowed_are_turned_away_but_health_checks_are_not() {
        let guard = guard(None);
        let (parts, ()) = Request::get("/v1/kinds").header("host", "localhost").body(()).unwrap().into_parts();
        let first = guard.admit(&parts).unwrap();
        let problem = guard.admit(&parts).unwrap_err();
        assert_eq!((problem.view().status, problem.view().retry_after_s), (503, Some(1)));
        for path in ["/readyz", "/metrics"] {
            assert_eq!(status(&guard, path, &[("host", "localhost")]), 0, "{path}");
        }
        drop(first);
        assert!(guard.admit(&parts).is_ok());
    }
}
