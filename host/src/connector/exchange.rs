//! One try at one call: the request, its redirects, and the response's body, all within bounds.
//! Called by `handler` with what `call` read; what follows from the outcome `verdict` says.
//! Never sends a secret to another origin than the endpoint's own, and never follows out of the list.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::call::Call;
use super::endpoint::Endpoint;
use super::resolver::Private;

/// Redirects of one call.
const REDIRECTS_MAX: usize = 5;
/// What another origin may see of an actor's headers.
const HARMLESS: [&str; 5] = ["accept", "accept-language", "content-type", "idempotency-key", "user-agent"];

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There was no connection: nothing was asked.
    #[error("it cannot be reached: {reason}")]
    Unreachable { reason: String },
    /// It may have handled the request.
    #[error("there is no telling what became of the request: {reason}")]
    NoAnswer { reason: String },
    /// It leads to a private address.
    #[error("{reason}")]
    Private { reason: String },
    /// It sends more than is read.
    #[error("its response is larger than {limit} bytes (response_bytes_max of the endpoint)")]
    TooLarge { limit: usize },
    /// It leads out of the list.
    #[error("it redirects to {to}, which is not in its list `redirects`")]
    LeadsAway { to: String },
    /// It leads round and round.
    #[error("it redirects more than {REDIRECTS_MAX} times")]
    Circles,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Makes the call. Its time is the caller's to limit: dropping it closes the connection.
///
/// # Errors
/// [`Trouble`]: `verdict` says what follows.
pub(super) async fn exchange(endpoint: &Endpoint, mut call: Call) -> Result<Received, Trouble> {
    let settings = &endpoint.settings;
    // Once out of its own origin a call never gets the secrets again: where it is led then, somebody else says.
    let mut is_at_home = true;
    for _ in 0..=REDIRECTS_MAX {
        let response = send(endpoint, &call, is_at_home).await?;
        let Some(next) = redirect(&response) else { return receive(response, settings.response_bytes_max).await };
        is_at_home &= settings.origin.has(&next);
        if !settings.origin.has(&next) && !settings.redirects.iter().any(|origin| origin.has(&next)) {
            return Err(Trouble::LeadsAway { to: next.origin().ascii_serialization() });
        }
        follow(&mut call, next, response.status(), is_at_home);
    }
    Err(Trouble::Circles)
}

async fn send(endpoint: &Endpoint, call: &Call, is_at_home: bool) -> Result<Response, Trouble> {
    let request = endpoint.client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
    let request = if is_at_home { request.headers(endpoint.secrets.clone()) } else { request };
    request.body(call.body.clone()).send().await.map_err(trouble)
}

/// Where a response leads, if it does.
fn redirect(response: &Response) -> Option<Url> {
    let leads = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| leads)?;
    response.url().join(location.to_str().ok()?).ok()
}

/// The call as it goes on elsewhere, after RFC 9110: what was to be made is then only looked at, but for 307 and 308.
fn follow(call: &mut Call, next: Url, status: StatusCode, is_at_home: bool) {
    let looks = match status.as_u16() {
        303 => call.method != Method::HEAD,
        301 | 302 => call.method == Method::POST,
        _ => false,
    };
    if looks {
        call.method = Method::GET;
        call.body = Bytes::new();
        call.headers.remove("content-type");
    }
    if !is_at_home {
        let all = std::mem::take(&mut call.headers);
        let mut name = None;
        for (next, value) in all {
            // A name comes with its first value only.
            name = next.or(name);
            if let Some(name) = name.as_ref().filter(|name| HARMLESS.contains(&name.as_str())) {
                call.headers.append(name, value);
            }
        }
    }
    call.url = next;
}

/// Reads the body, as far as it may go.
async fn receive(mut response: Response, limit: usize) -> Result<Received, Trouble> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(trouble)? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(Trouble::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Received { status: response.status(), headers, body: body.freeze() })
}

/// What the client says, without the URL: a path may hold what nobody should read in a log.
fn trouble(error: reqwest::Error) -> Trouble {
    let (is_connect, error) = (error.is_connect(), error.without_url());
    let causes = || std::iter::successors(Some(&error as &(dyn Error + 'static)), |&error| error.source());
    if let Some(private) = causes().find_map(|cause| cause.downcast_ref::<Private>()) {
        return Trouble::Private { reason: private.to_string() };
    }
    let mut said: Vec<String> = causes().map(ToString::to_string).collect();
    // Each cause often repeats the one behind it.
    said.dedup();
    let reason = said.join(": ");
    if is_connect { Trouble::Unreachable { reason } } else { Trouble::NoAnswer { reason } }
}
