//! The way to a host: its HTTP API.
//! Used by every verb that talks to a host. Turns what goes wrong into a sentence with the next step.
//! Never opens a store, never retries: a repeat is the caller's decision.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use hydra::id::ActorId;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use super::problem::Refusal;

/// How long a host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an ordinary request may take; asks, uploads and tails say their own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// One host's API.
pub(super) struct Api {
    client: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Api {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// The token cannot stand in a header; or the machine's certificates cannot be read, for an https URL.
    pub(super) fn new(base: &Url, token: Option<String>) -> Result<Self> {
        // Checked here and not by the parser, which would print it.
        let token = token.filter(|token| !token.is_empty());
        if token.iter().any(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            bail!("the token in --token or HYDRA_TOKEN has other than visible ASCII characters");
        }
        // A second installation is refused and means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("hydra/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // Reading the machine's certificates takes longer than a request and may fail where there are none.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(base) {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build().context("prepare the HTTP client")?, base: base.clone(), token })
    }

    /// Where the host is.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The bearer token, if there is one.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The URL of a path, each word encoded.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// A request that is not sent yet.
    pub(super) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let request = self.client.request(method, self.url(path)).timeout(REQUEST_TIMEOUT);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends it; anything but 2xx is an error.
    ///
    /// # Errors
    /// No host answers, or it refuses: both say what to try.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(Refusal::read(status.as_u16(), &body).into())
    }

    /// Reads JSON from a path.
    ///
    /// # Errors
    /// As [`Api::send`]; or the host speaks another version.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T> {
        self.json(self.request(Method::GET, path).query(query)).await
    }

    /// Sends a request and reads the JSON it answers.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(super) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let body = self.bytes(request).await?;
        serde_json::from_slice(&body).with_context(|| {
            format!("{} answers what this hydra {} does not understand", self.base, env!("CARGO_PKG_VERSION"))
        })
    }

    /// Sends a request and reads the bytes it answers.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(super) async fn bytes(&self, request: RequestBuilder) -> Result<Bytes> {
        self.send(request).await?.bytes().await.context("read the host's answer")
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let error = error.without_url();
        if error.is_connect() {
            return anyhow!("no host answers at {}: start one with `hydra dev` or set --url", shown(&self.base));
        }
        if error.is_timeout() {
            return anyhow!("the host at {} does not answer in time: try `hydra doctor`", shown(&self.base));
        }
        anyhow::Error::new(error).context(format!("talk to the host at {}: try `hydra doctor`", shown(&self.base)))
    }
}

/// A URL as people write it: without the slash that stands for an empty path.
pub(super) fn shown(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.starts_with("127."),
        None => false,
    }
}

/// Reads `--url`.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let example = "write it like http://127.0.0.1:8420";
    let url = Url::parse(text).map_err(|error| format!("{error}: {example}"))?;
    let valid = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    if valid { Ok(url) } else { Err(format!("not the URL of a host: {example}")) }
}

/// Reads `KIND/ID`. Ids that a URL cannot carry are refused here, before they address something else.
pub(super) fn parse_actor(text: &str) -> Result<ActorId, String> {
    let actor = ActorId::parse(text).map_err(|error| error.to_string())?;
    match actor.id() {
        "." | ".." => Err("the ids . and .. cannot be written in a URL: choose another id".into()),
        _ => Ok(actor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(base: &str) -> Api {
        Api::new(&parse_url(base).unwrap(), None).unwrap()
    }

    #[test]
    fn every_word_of_a_path_is_encoded() {
        let path = ["v1", "actors", "counter", "a/b ö?", "add"];
        let expected = "http://127.0.0.1:8420/v1/actors/counter/a%2Fb%20%C3%B6%3F/add";
        assert_eq!(api("http://127.0.0.1:8420").url(&path).as_str(), expected);
        assert_eq!(api("http://h:1/below/").url(&["readyz"]).as_str(), "http://h:1/below/readyz");
    }

    #[test]
    fn an_address_that_a_url_cannot_carry_is_refused() {
        assert!(parse_actor("counter/..").is_err() && parse_actor("counter").is_err());
        assert!(parse_actor("counter/...").is_ok() && parse_actor("counter/a/b").is_ok());
    }

    #[test]
    fn only_http_urls_are_taken() {
        for text in ["127.0.0.1:8420", "ftp://x", "http://", "mailto:x", "http://h?x=1"] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }
}
