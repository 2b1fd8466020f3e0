//! `hydra send` and `hydra ask`: one message to one actor, without and with its answer.
//! Talks to `POST /v1/actors/{kind}/{id}/{subject}`. Never repeats a message: that takes a key, and is the caller's decision.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use hydra::http::view::Accepted;
use hydra::id::ActorId;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};

use super::api::{self, Api};
use super::input::{self, Input};
use super::output::{self, Output};

/// How much longer than the host we wait: its answer says more than our own time-out.
const GRACE: Duration = Duration::from_secs(10);
/// Longest time that a host lets a caller wait.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// Send a message; return once it is stored
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra send counter/alice add 5\n  hydra send order/17 paid @payment.json --key payment-17\n  \
                  date | hydra send log/today line -"
)]
pub(super) struct Send {
    #[command(flatten)]
    message: Message,
}

/// Send a message and print its answer, byte for byte
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra ask counter/alice add 5\n  hydra ask counter/alice get --timeout 2s\n\n\
                  A message that is refused or fails ends with exit 1 and the reason on standard error.")]
pub(super) struct Ask {
    #[command(flatten)]
    message: Message,
    /// How long to wait for the answer: 500ms, 5s, 2m; at most 5m
    #[arg(long, default_value = "30s", value_parser = parse_timeout)]
    timeout: Duration,
}

#[derive(Debug, Args)]
struct Message {
    /// The receiver
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
    /// What the message is, for example add
    #[arg(value_parser = input::parse_subject)]
    subject: String,
    /// The message's bytes: text, @FILE, or - for standard input [default: none]
    #[arg(allow_negative_numbers = true)]
    body: Option<Input>,
    /// Idempotency key: a repeat with the same key is one effect and the same answer
    #[arg(long, value_parser = input::parse_key)]
    key: Option<String>,
    /// A header that travels with the message: Content-Type or X-…; may be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = input::parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Message {
    fn request(&self, api: &Api) -> Result<RequestBuilder> {
        let body = self.body.as_ref().map(Input::read).transpose()?.unwrap_or_default();
        let path = ["v1", "actors", self.actor.kind().as_str(), self.actor.id(), &self.subject];
        let mut request = api.request(Method::POST, &path).body(body);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(match &self.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
    }
}

impl Send {
    /// Sends it and prints its id.
    ///
    /// # Errors
    /// It was not stored.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let request = self.message.request(api)?.query(&[("send", "")]);
        let accepted: Accepted = api.json(request).await?;
        output.done(&accepted, &output::printable(&accepted.id))
    }
}

impl Ask {
    /// Sends it, waits, and prints the answer's bytes.
    ///
    /// # Errors
    /// It was refused, it failed, or there was no answer in time.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let request = self.message.request(api)?.query(&[("timeout", format!("{}ms", self.timeout.as_millis()))]);
        let response = api.send(request.timeout(self.timeout + GRACE)).await?;
        if output.json { answer(response, output).await } else { output::bytes(&response.bytes().await?) }
    }
}

async fn answer(response: Response, output: &Output) -> Result<()> {
    let status = if response.status() == reqwest::StatusCode::NO_CONTENT { "done" } else { "replied" };
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| *name == reqwest::header::CONTENT_TYPE || name.as_str().starts_with("x-"))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let replayed = response.headers().contains_key("Idempotent-Replay");
    let body = output::bytes_value(&response.bytes().await?);
    output.value(&serde_json::json!({ "status": status, "headers": headers, "body": body, "replayed": replayed }))
}

/// Reads `5s`, `500ms`, `2m`.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000)];
    let read = units.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, *ms)));
    let duration = read.map(|(count, ms)| Duration::from_millis(count.saturating_mul(ms)));
    let valid = duration.filter(|duration| (Duration::from_millis(1)..=TIMEOUT_MAX).contains(duration));
    valid.ok_or_else(|| "write 500ms, 5s or 2m; at least 1ms, at most 5m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_a_unit_and_bounds() {
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_timeout("5m"), Ok(TIMEOUT_MAX));
        for text in ["5", "0s", "6m", "-1s", "s", "99999999999999999999s", "18446744073709551615m"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
