//! Idempotency keys: which keys an actor has handled lately, and how they were answered.
//! Kept in the actor's record and written with the commit that handled them, so a repeat is one effect however late it comes. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::message::{Answer, Message, Problem, Status};

/// Keys one actor remembers.
pub const KEYS_MAX: usize = 64;
/// How long a key is remembered at the most.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of all keys and answers that one actor remembers.
pub const BYTES_MAX: usize = 16 << 10;

/// One handled key. Stored with field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    key: String,
    /// Hash of subject and body: the same key with others is a mistake.
    fingerprint: [u8; 16],
    time: Time,
    /// None: too large to keep, or the handler answers later.
    answer: Option<Answer>,
}

impl Kept {
    /// Bytes that it takes in the record, but for its encoding as text.
    fn size(&self) -> usize {
        rmp_serde::to_vec_named(self).map_or(BYTES_MAX, |bytes| bytes.len())
    }
}

/// The answer to a message whose key was handled before; none if it is new.
#[must_use]
pub fn answer_kept(kept: &[Kept], message: &Message, now: Time) -> Option<Answer> {
    let key = message.key.as_ref()?;
    let known = kept.iter().find(|known| &known.key == key && now.minus(KEPT_FOR) <= known.time)?;
    let id = message.id.clone();
    if known.fingerprint != fingerprint(message) {
        let text = format!("the idempotency key {key:?} came before with another subject or body: use a new key");
        return Some(Answer::new(id, Status::KeyReused).with_problem(Problem::new("key-reused", text)));
    }
    Some(match &known.answer {
        Some(answer) => Answer { replayed: true, ..answer.clone() },
        None => {
            let text = "a message with this idempotency key was handled; its answer was not kept".to_owned();
            Answer::new(id, Status::AlreadyDone).with_problem(Problem::new("already-done", text))
        }
    })
}

/// Remembers how a message with a key ended; the oldest keys go first.
pub fn remember(kept: &mut Vec<Kept>, message: &Message, answer: Option<&Answer>, now: Time) {
    let Some(key) = message.key.clone() else { return };
    let mut new = Kept { key, fingerprint: fingerprint(message), time: now, answer: answer.cloned() };
    if new.size() > BYTES_MAX / 2 {
        new.answer = None;
    }
    kept.retain(|known| known.key != new.key && now.minus(KEPT_FOR) <= known.time);
    kept.push(new);
    let mut bytes: usize = kept.iter().map(Kept::size).sum();
    let mut count = kept.len();
    kept.retain(|oldest| {
        let stays = bytes <= BYTES_MAX && count <= KEYS_MAX;
        if !stays {
            bytes -= oldest.size();
            count -= 1;
        }
        stays
    });
}

fn fingerprint(message: &Message) -> [u8; 16] {
    let mut hash = blake3::Hasher::new();
    hash.update(message.subject.as_str().as_bytes());
    hash.update(b"\0");
    hash.update(&message.body);
    let mut first = [0; 16];
    hash.finalize_xof().fill(&mut first);
    first
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::ActorId;
    use crate::message::Headers;
    use crate::names::{MessageId, Subject};

    fn message(key: &str, body: &'static [u8]) -> Message {
        Message {
            id: MessageId::stored("in:counter/a:1"),
            to: ActorId::parse("counter/a").unwrap(),
            sender: None,
            subject: Subject::new("add").unwrap(),
            headers: Headers::default(),
            body: Bytes::from_static(body),
            reply: None,
            deadline: None,
            key: Some(key.into()),
            trace: None,
        }
    }

    fn replied(body: Bytes) -> Answer {
        Answer { body, ..Answer::new(MessageId::stored("first"), Status::Replied) }
    }

    #[test]
    fn a_repeat_gets_the_kept_answer_and_a_changed_body_is_refused() {
        let (mut kept, now) = (Vec::new(), Time(1_000_000_000));
        remember(&mut kept, &message("k", b"5"), Some(&replied(Bytes::from_static(b"7"))), now);
        let again = answer_kept(&kept, &message("k", b"5"), now).unwrap();
        assert!(again.replayed && again.body == "7" && again.id.as_str() == "first");
        assert_eq!(answer_kept(&kept, &message("k", b"6"), now).unwrap().status, Status::KeyReused);
        assert_eq!(answer_kept(&kept, &message("other", b"5"), now), None);
        assert_eq!(answer_kept(&kept, &message("k", b"5"), now.plus(KEPT_FOR + Duration::from_secs(1))), None);
    }

    #[test]
    fn an_answer_too_large_to_keep_is_already_done() {
        let (mut kept, now) = (Vec::new(), Time(1_000_000_000));
        remember(&mut kept, &message("k", b"5"), Some(&replied(Bytes::from(vec![0; BYTES_MAX]))), now);
        assert_eq!(answer_kept(&kept, &message("k", b"5"), now).unwrap().status, Status::AlreadyDone);
    }

    #[test]
    fn the_oldest_keys_go_first_and_the_bounds_hold() {
        let (mut kept, now) = (Vec::new(), Time(1_000_000_000));
        for number in 0..200 {
            remember(&mut kept, &message(&format!("k{number}"), b"5"), Some(&replied(Bytes::from(vec![0; 300]))), now);
        }
        assert!(kept.len() <= KEYS_MAX && kept.iter().map(Kept::size).sum::<usize>() <= BYTES_MAX);
        assert!(answer_kept(&kept, &message("k199", b"5"), now).is_some());
        assert!(answer_kept(&kept, &message("k0", b"5"), now).is_none());
    }
}
