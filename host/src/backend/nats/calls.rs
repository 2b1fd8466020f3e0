//! Calls from any NATS client: a service that others can discover, with the endpoints `send` and `ask`.
//! Hands each call on as it came and in its order; `ingress` answers. Never stores anything.

use async_nats::service::{Request, ServiceExt};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::sync::mpsc;

use super::headers::{self, MESSAGE_ID};
use super::open::Nats;
use super::session::Session;
use crate::backend::{Call, Calls, Error, Verb};

/// The service's name, as it is discovered. All hosts of a system are instances of it.
const NAME: &str = "hydra";
/// Calls that wait for a host to take them; more wait with the server.
const CALLS_MAX: usize = 1_024;

impl Nats {
    /// Offers the service from now on, until the store closes. Each call goes to one host of all that offer it.
    ///
    /// # Errors
    /// `Unavailable`: the server refuses; the text says what.
    pub async fn calls(&self) -> Result<Calls, Error> {
        let session = self.session();
        let unavailable =
            |error: async_nats::Error| Error::Unavailable { reason: format!("offer the service: {error}") };
        let service = session.client.service_builder().description("Messages to actors").queue_group(NAME);
        let service = service.start(NAME, env!("CARGO_PKG_VERSION")).await.map_err(unavailable)?;
        let mut endpoints = SelectAll::new();
        for (verb, name) in [(Verb::Send, "send"), (Verb::Ask, "ask")] {
            let endpoint = service.endpoint_builder().name(name).add(session.names.calls(name)).await;
            endpoints.push(endpoint.map_err(unavailable)?.map(move |request| (verb, name, request)));
        }
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let open = session.clone();
        session.tasks.spawn(async move {
            // Dropping the wait is safe: a call that nobody has taken is not accepted, and its caller's time runs out.
            while let Some(Some((verb, name, request))) = open.ended.run_until_cancelled(endpoints.next()).await {
                let Some(call) = read(&open, request, verb, name) else { continue };
                if sender.send(call).await.is_err() {
                    break;
                }
            }
            drop(service.stop().await);
        });
        Ok(calls)
    }
}

/// A call; none if it came on a subject that is not the service's.
fn read(session: &Session, request: Request, verb: Verb, name: &str) -> Option<Call> {
    let message = request.message;
    let mut words = session.names.call(&message.subject, name)?.splitn(3, '.').map(String::from);
    let address = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
    let mut headers = headers::decode(message.headers.as_ref());
    let key = headers.get(MESSAGE_ID).map(String::from);
    headers.0.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("nats-"));
    let reply = message.reply.map(|reply| reply.to_string());
    Some(Call { verb, address, headers, key, body: message.payload, reply })
}
