//! Messages from any NATS client: `nats req hydra.local.ask.counter.alice.add 5`. The edge beside `http`.
//! Takes calls in the order in which they came, and stores as many together as are there. Outcomes reach the caller from the
//! actor's owner, whichever host that is, so that a host may end while its callers wait.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::backend::{self, Call, Calls, Log, Notice, Verb};
use crate::client::{self, Client, Request};
use crate::id::ActorId;
use crate::message::{Answer, Headers, Problem, Status, header};
use crate::names::{MessageId, Subject};
use crate::reply::{Reply, is_channel};

/// Calls that are stored together.
const BATCH: usize = 256;

/// Serves calls until `ended`.
pub async fn serve(mut calls: Calls, client: Client, log: Arc<dyn Log>, ended: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    // Dropping the wait is safe: calls that were not taken are not accepted, and their callers' time runs out.
    while let Some(count) = ended.run_until_cancelled(calls.recv_many(&mut batch, BATCH)).await {
        if count == 0 {
            return;
        }
        accept(std::mem::take(&mut batch), &client, &*log).await;
    }
}

/// Stores calls, and tells each caller what became of it, unless the actor's owner will.
async fn accept(batch: Vec<Call>, client: &Client, log: &dyn Log) {
    let (mut callers, mut requests) = (Vec::new(), Vec::new());
    for call in batch {
        let (verb, reply) = (call.verb, call.reply.clone());
        match request(call) {
            Ok(request) => {
                callers.push((verb, reply.clone()));
                requests.push((request, reply.filter(|_| verb == Verb::Ask).map(Reply::Channel)));
            }
            Err(problem) => refuse(log, reply, problem),
        }
    }
    let accepted = client.accept(requests).await;
    for ((verb, reply), accepted) in callers.into_iter().zip(accepted) {
        match (accepted, verb) {
            (Ok(_), Verb::Ask) => {}
            (Ok(id), Verb::Send) => tell(log, reply, &id),
            (Err(error), _) => refuse(log, reply, problem(&error)),
        }
    }
}

/// Checks what only this edge knows; the client checks the rest.
fn request(call: Call) -> Result<Request, Problem> {
    let malformed = |text: String| Problem::new("malformed", text);
    let [kind, id, subject] = &call.address;
    if id.is_empty() || subject.is_empty() {
        return Err(malformed("a call's subject is SYSTEM.REGION.ask.KIND.ID.SUBJECT, or send".into()));
    }
    if let Some(reply) = call.reply.as_deref().filter(|reply| call.verb == Verb::Ask && !is_channel(reply)) {
        return Err(malformed(format!("answers go to inboxes below _INBOX only, not to {reply}")));
    }
    let to = ActorId::parse_escaped(&format!("{kind}/{id}")).map_err(|error| malformed(error.to_string()))?;
    let subject = Subject::new(subject).map_err(|error| malformed(error.to_string()))?;
    let trace = call.headers.trace();
    let is_trace = |name: &str| [header::TRACE, header::TRACE_STATE].iter().any(|ours| name.eq_ignore_ascii_case(ours));
    let headers = call.headers.0.into_iter().filter(|(name, _)| !is_trace(name)).collect();
    Ok(Request { to, subject, headers: Headers(headers), body: call.body, key: call.key, trace })
}

fn problem(error: &client::Error) -> Problem {
    let code = match error {
        client::Error::UnknownKind { .. } => "unknown-kind",
        client::Error::TooLarge { .. } => "too-large",
        client::Error::Malformed(_) => "malformed",
        client::Error::Key { .. } | client::Error::ReservedKey | client::Error::Ended => "idempotency-key",
        client::Error::Store(backend::Error::Unknown { .. }) => "unclear",
        client::Error::Store(_) => "unavailable",
    };
    Problem::new(code, error.to_string())
}

/// The message is stored.
fn tell(log: &dyn Log, reply: Option<String>, id: &MessageId) {
    let mut headers = Headers::default();
    headers.push(header::STATUS, "accepted");
    headers.push(header::ID, crate::id::escape(id.as_str()));
    notify(log, reply, headers, Bytes::new());
}

/// The message is not stored. A caller that does not wait for anything is not told.
fn refuse(log: &dyn Log, reply: Option<String>, problem: Problem) {
    let answer = Answer::new(MessageId::stored(""), Status::Refused).with_problem(problem);
    let (headers, body) = answer.to_wire();
    notify(log, reply, headers, body);
}

fn notify(log: &dyn Log, reply: Option<String>, headers: Headers, body: Bytes) {
    if let Some(channel) = reply.filter(|reply| is_channel(reply)) {
        log.notify(Notice { channel, headers, body });
    }
}
