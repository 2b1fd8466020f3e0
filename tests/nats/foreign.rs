//! What other programs publish into a mailbox, by mistake or on purpose: nothing of it stops an actor or reaches a record.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::HeaderMap;
use hydra::backend::{Delivery, Queue};
use hydra::id::Seq;
use hydra::message::Message;
use hydra_tests::nats::NatsServer;
use tokio::time::timeout;

use crate::mailboxes::{alice, append, next_ids, open_inbox};
use crate::{open_with, settings};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(20);
/// Where a message to `counter/alice` goes.
const SUBJECT: &str = "hydra.local.msg.d.a.0.counter.alice";

/// Publishes headers that no client library would, and waits until the server has taken them.
fn publish_raw(server: &NatsServer, subject: &str, headers: &[u8]) {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    socket.set_read_timeout(Some(TOO_LONG)).unwrap();
    let length = headers.len();
    socket.write_all(b"CONNECT {\"headers\":true,\"verbose\":false,\"no_responders\":true}\r\n").unwrap();
    socket.write_all(format!("HPUB {subject} {length} {}\r\n", length + 4).as_bytes()).unwrap();
    socket.write_all(headers).unwrap();
    socket.write_all(b"body\r\nPING\r\n").unwrap();
    let mut answers = Vec::new();
    while !answers.ends_with(b"PONG\r\n") {
        let mut bytes = [0; 4_096];
        let count = socket.read(&mut bytes).unwrap();
        assert!(count > 0, "the server hung up: {}", String::from_utf8_lossy(&answers));
        answers.extend_from_slice(&bytes[..count]);
    }
}

#[tokio::test]
async fn headers_that_the_client_cannot_read_hold_up_nobody() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    append(&backend, "m0").await;
    publish_raw(&server, SUBJECT, b"NATS/1.0\r\nno colon\r\n\r\n");
    append(&backend, "m1").await;
    publish_raw(&server, SUBJECT, b"NATS/1.0\r\nX-A: \xff\xfe\r\n\r\n");
    publish_raw(&server, SUBJECT, b"NATS/1.0\r\nX A: 1\r\n\r\n");
    append(&backend, "m2").await;
    let mut inbox = open_inbox(&backend, 1).await;
    assert_eq!(next_ids(&mut inbox, 3).await, ["m0", "m1", "m2"]);
    publish_raw(&server, SUBJECT, b"NATS/1.0\r\n: \xff\r\n\r\n");
    append(&backend, "m3").await;
    assert_eq!(next_ids(&mut inbox, 1).await, ["m3"]);
    let letters = backend.log.read(Queue::DeadLetters, None, Seq(0), 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.to.to_string()).collect::<Vec<_>>(), ["counter/alice"; 4]);
    let listed = hydra::deadletter::list(&backend, None, Seq(0), 10).await.unwrap();
    assert!(listed.iter().all(|letter| letter.reason == "misaddressed" && letter.body_bytes == 4), "{listed:?}");
    // They are out of the mailbox, so nobody stumbles over them again.
    let left = backend.log.read(Queue::Inbox, Some(&alice()), Seq(0), 100).await.unwrap();
    assert_eq!(left.len(), 4);
}

#[tokio::test]
async fn a_message_in_a_wrong_slot_or_to_no_actor_becomes_a_dead_letter() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    let client = async_nats::connect(server.url()).await.unwrap();
    let long = format!("hydra.local.msg.d.a.0.counter.{}", "x".repeat(400));
    let astray = [
        "hydra.local.msg.d.a.1.counter.alice",
        "hydra.local.msg.d.a.0.Counter.alice",
        "hydra.local.msg.d.a.0.counter.=61lice",
        &long,
    ];
    let jetstream = async_nats::jetstream::new(client);
    for subject in astray {
        jetstream.publish(subject.to_owned(), "body".into()).await.unwrap().await.unwrap();
    }
    append(&backend, "m0").await;
    let mut inbox = open_inbox(&backend, 1).await;
    assert_eq!(next_ids(&mut inbox, 1).await, ["m0"]);
    let letters = backend.log.read(Queue::DeadLetters, None, Seq(0), 10).await.unwrap();
    let ids: Vec<&str> = letters.iter().map(|letter| letter.to.id()).collect();
    assert_eq!(ids, [astray[0], astray[1], astray[2], &long[..200]]);
    assert!(letters.iter().all(|letter| letter.to.kind().as_str() == "sys-misaddressed" && letter.body == "body"));
    let mut again = open_inbox(&backend, 2).await;
    assert_eq!(next_ids(&mut again, 1).await, ["m0"]);
    assert_eq!(backend.log.read(Queue::DeadLetters, None, Seq(0), 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_message_without_anything_of_ours_is_delivered_as_it_is() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    let mut inbox = open_inbox(&backend, 1).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.append("X-A", "1");
    headers.append("X-A", "zwei ü");
    headers.append("Hydra-Committed", "-1");
    headers.append("Hydra-Subject", "no subject!");
    client.publish(SUBJECT, "bare".into()).await.unwrap();
    client.publish_with_headers(SUBJECT, headers, "odd".into()).await.unwrap();
    let mut next: Vec<Delivery> = Vec::new();
    while next.len() < 2 {
        next.push(timeout(TOO_LONG, inbox.next()).await.expect("nothing comes").unwrap());
    }
    let bucket = backend.log.bucket_of(&alice());
    assert_eq!(next[0].id.as_str(), format!("{bucket}:{}", next[0].seq));
    assert!(next.iter().all(|delivery| delivery.committed.is_none() && delivery.to == alice()));
    let odd = next.remove(1);
    assert_eq!(odd.headers.0.iter().filter(|(name, _)| name == "X-A").count(), 2);
    assert!(Message::from_log(odd.id, odd.to, &odd.headers, odd.body).is_err(), "the host makes it a dead letter");
}
