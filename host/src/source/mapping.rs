//! Which actor a foreign message is for, and what the actor gets of it. Pure.
//! Whoever publishes there knows nothing of Hydra, so everything may be wrong: what names no actor is a *misfit*, which the
//! source sends to itself, fails to handle, and thus has as a dead letter. Replayed after the settings were corrected, it fits.

use bytes::Bytes;

use crate::backend::ForeignMessage;
use crate::clock::Time;
use crate::config::{Binding, Gap};
use crate::effects::Send;
use crate::id::{ActorId, Seq};
use crate::message::{BODY_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX, Headers, Message, Problem};
use crate::names::Subject;

/// What the headers begin with that a source adds; a publisher's own of such names do not pass.
const PREFIX: &str = "source-";
const STREAM: &str = "source-stream";
const SUBJECT: &str = "source-subject";
const SEQ: &str = "source-seq";
const TIME: &str = "source-time";
/// Headers could not be passed on: no client can read them, or they break the grammar or the limits of a message.
const HEADERS: &str = "source-headers-dropped";
/// The body was too large to be passed on: how large.
const BODY: &str = "source-body-bytes";
/// Subject of a misfit; with a colon, so that nobody outside can send one.
pub(super) const MISFIT: &str = "misfit";

/// What an actor gets of a foreign message.
///
/// # Errors
/// It is a misfit: why.
pub(super) fn map(binding: &Binding, message: &ForeignMessage) -> Result<Send, Problem> {
    if message.body.len() > BODY_BYTES_MAX {
        return Err(too_large(binding, message.seq, message.body.len()));
    }
    let gaps = Gaps { wildcards: wildcards(&binding.filter, &message.subject), message };
    let (id, subject) = (gaps.fill(&binding.to.id)?, gaps.fill(&binding.subject)?);
    let to = ActorId::new(binding.to.kind.clone(), &id).map_err(|error| Problem::new("no-actor", error.to_string()))?;
    let subject = Subject::new(&subject).map_err(|error| Problem::new("no-subject", error.to_string()))?;
    Ok(Send { to, subject, headers: headers(binding, message), body: message.body.clone(), awaited: None })
}

/// The message with which a source gets a misfit to itself. A body that is too large stays in the stream.
pub(super) fn misfit(own: &ActorId, binding: &Binding, message: &ForeignMessage) -> Send {
    let mut headers = headers(binding, message);
    let is_large = message.body.len() > BODY_BYTES_MAX;
    if is_large {
        headers.push(BODY, message.body.len().to_string());
    }
    let body = if is_large { Bytes::new() } else { message.body.clone() };
    Send { to: own.clone(), subject: Subject::host("source", MISFIT), headers, body, awaited: None }
}

/// Tries a misfit again: the settings may be others than they were.
///
/// # Errors
/// It still is one: why.
pub(super) fn map_misfit(binding: &Binding, misfit: &Message) -> Result<Send, Problem> {
    let header = |name: &str| misfit.headers.get(name).unwrap_or_default();
    let seq = Seq(header(SEQ).parse().unwrap_or(0));
    if let Ok(size) = header(BODY).parse() {
        return Err(too_large(binding, seq, size));
    }
    let headers = misfit.headers.0.iter().filter(|(name, _)| !is_ours(name) || name == HEADERS).cloned().collect();
    let time = Time(header(TIME).parse().unwrap_or(0));
    let (subject, body) = (header(SUBJECT).to_owned(), misfit.body.clone());
    map(binding, &ForeignMessage { seq, time, subject, headers: Some(Headers(headers)), body })
}

fn too_large(binding: &Binding, seq: Seq, size: usize) -> Problem {
    let stream = &binding.stream;
    let text = format!(
        "its body is {size} bytes, a message takes {BODY_BYTES_MAX}; it is still in the stream: nats stream get {stream} {seq}"
    );
    Problem::new("too-large", text)
}

/// The publisher's headers as far as a message takes them, and where it comes from.
fn headers(binding: &Binding, message: &ForeignMessage) -> Headers {
    let mut headers = Headers::default();
    headers.push(STREAM, &*binding.stream);
    headers.push(SUBJECT, message.subject.replace(char::is_control, " "));
    headers.push(SEQ, message.seq.to_string());
    headers.push(TIME, message.time.0.to_string());
    // Room for the two that may follow.
    let (mut count, mut bytes) = (headers.0.len() + 2, size(&headers) + HEADERS.len() + BODY.len() + 32);
    let mut dropped = message.headers.is_none();
    for pair in message.headers.iter().flat_map(|headers| &headers.0) {
        let one = Headers(vec![pair.clone()]);
        let fits = count < HEADERS_MAX && bytes + size(&one) <= HEADERS_BYTES_MAX && one.check().is_ok();
        if pair.0 == HEADERS || (!fits && !is_of_nats(&pair.0)) {
            dropped = true;
        } else if fits && !is_ours(&pair.0) {
            (count, bytes) = (count + 1, bytes + size(&one));
            headers.0.extend(one.0);
        }
    }
    if dropped {
        headers.push(HEADERS, "true");
    }
    headers
}

fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// The server's own, of which nobody expects to have them passed on.
fn is_of_nats(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("Nats-"))
}

fn size(headers: &Headers) -> usize {
    headers.0.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// What the filter's wildcards stand for in a subject; `>` for all the rest.
fn wildcards<'m>(filter: &str, subject: &'m str) -> Vec<&'m str> {
    let (mut found, mut rest) = (Vec::new(), subject);
    for word in filter.split('.') {
        let (first, behind) = rest.split_once('.').unwrap_or((rest, ""));
        match word {
            ">" => found.push(rest),
            "*" => found.push(first),
            _ => {}
        }
        rest = behind;
    }
    found
}

/// What fills the gaps of a template.
struct Gaps<'m> {
    wildcards: Vec<&'m str>,
    message: &'m ForeignMessage,
}

impl Gaps<'_> {
    fn fill(&self, template: &crate::config::Template) -> Result<String, Problem> {
        let unfilled = |gap: &Gap| {
            let text = format!("nothing fills {gap} in the message {} on {:?}", self.message.seq, self.message.subject);
            Problem::new("no-actor", text)
        };
        template.fill(|gap| self.find(gap)).map_err(unfilled)
    }

    fn find(&self, gap: &Gap) -> Option<String> {
        match gap {
            Gap::Wildcard(number) => self.wildcards.get(number.checked_sub(1)?).map(|word| (*word).to_owned()),
            Gap::Header(name) => self.message.headers.as_ref()?.get(name).map(Into::into),
            Gap::Json(pointer) => {
                let body: serde_json::Value = serde_json::from_slice(&self.message.body).ok()?;
                match body.pointer(pointer)? {
                    serde_json::Value::String(text) => Some(text.clone()),
                    serde_json::Value::Number(number) => Some(number.to_string()),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::MessageId;

    fn binding(filter: &str, to: &str, subject: &str) -> Binding {
        toml::from_str(&format!("stream = \"S\"\nfilter = {filter:?}\nto = {to:?}\nsubject = {subject:?}")).unwrap()
    }

    fn message(subject: &str, headers: &[(&str, &str)], body: &str) -> ForeignMessage {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (seq, time) = (Seq(7), Time(9));
        ForeignMessage {
            seq,
            time,
            subject: subject.into(),
            headers: Some(Headers(headers)),
            body: body.to_owned().into(),
        }
    }

    fn address(binding: &Binding, message: &ForeignMessage) -> Result<String, String> {
        map(binding, message).map(|send| format!("{} {}", send.to, send.subject)).map_err(|problem| problem.code)
    }

    #[test]
    fn subjects_headers_and_bodies_name_actors() {
        let created = message("orders.17.created", &[("Order", "18")], "{\"order\":{\"id\":19,\"x\":[]}}");
        for (filter, to, subject, expected) in [
            ("orders.*.created", "order/{1}", "created", Ok("order/17 created")),
            ("orders.*.*", "order/o-{1}", "{2}", Ok("order/o-17 created")),
            ("orders.>", "order/{1}", "any", Ok("order/17.created any")),
            (">", "order/{header:order}", "any", Ok("order/18 any")),
            (">", "order/{json:/order/id}", "any", Ok("order/19 any")),
            (">", "order/{json:/order/x}", "any", Err("no-actor")),
            (">", "order/{header:none}", "any", Err("no-actor")),
            (">", "order/{1}", "{json:/order}", Err("no-actor")),
        ] {
            let expected = expected.map(String::from).map_err(String::from);
            assert_eq!(address(&binding(filter, to, subject), &created), expected, "{filter} {to}");
        }
        let of_header = binding(">", "order/{header:Id}", "a");
        assert_eq!(address(&of_header, &message("s", &[("Id", "")], "")), Err("no-actor".into()));
        assert_eq!(address(&of_header, &message("s", &[("Id", &"x".repeat(257))], "")), Err("no-actor".into()));
        assert_eq!(address(&binding(">", "order/a", "{1}"), &message("é", &[], "")), Err("no-subject".into()));
    }

    #[test]
    fn headers_pass_as_far_as_a_message_takes_them() {
        let own = [("Nats-Msg-Id", "x"), ("Trace", "t"), ("source-seq", "99")];
        let sent = map(&binding(">", "order/a", "a"), &message("s", &own, "")).unwrap();
        assert_eq!((sent.headers.get("trace"), sent.headers.get(SEQ)), (Some("t"), Some("7")));
        assert_eq!((sent.headers.get("Nats-Msg-Id"), sent.headers.get(HEADERS)), (None, None));
        assert_eq!(sent.headers.check(), Ok(()));
        let long = "x".repeat(HEADERS_BYTES_MAX);
        for bad in [("Bad_Name", "x"), ("Hydra-Reply", "x"), ("Long", &long)] {
            let sent = map(&binding(">", "order/a", "a"), &message("s", &[bad], "")).unwrap();
            assert_eq!((sent.headers.get(HEADERS), sent.headers.check()), (Some("true"), Ok(())), "{}", bad.0);
        }
        let unreadable = ForeignMessage { headers: None, ..message("s", &[], "") };
        let sent = map(&binding(">", "order/a", "a"), &unreadable).unwrap();
        assert_eq!(sent.headers.get(HEADERS), Some("true"));
    }

    #[test]
    fn a_misfit_fits_once_the_settings_are_corrected() {
        let (wrong, right) = (binding("o.*", "order/{header:Id}", "a"), binding("o.*", "order/{1}", "a"));
        let own = ActorId::parse("sys-source/S").unwrap();
        let foreign = message("o.5", &[("Kept", "k"), ("Bad_Name", "x")], "body");
        let again = |binding: &Binding, foreign: &ForeignMessage| {
            let Send { to, subject, headers, body, .. } = misfit(&own, &wrong, foreign);
            assert_eq!(headers.check(), Ok(()));
            let id = MessageId::stored("m");
            map_misfit(
                binding,
                &Message {
                    id,
                    to,
                    sender: None,
                    subject,
                    headers,
                    body,
                    reply: None,
                    key: None,
                    trace: None,
                    deadline: None,
                },
            )
        };
        assert_eq!(again(&wrong, &foreign).unwrap_err().code, "no-actor");
        assert_eq!(again(&right, &foreign), map(&right, &foreign));
        let large = ForeignMessage { body: vec![0; BODY_BYTES_MAX + 1].into(), ..foreign };
        let told = again(&right, &large).unwrap_err();
        assert!(told.code == "too-large" && told.text.ends_with("nats stream get S 7"), "{told:?}");
    }
}
