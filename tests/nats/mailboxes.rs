//! Mailboxes under servers that go away, hosts that take over from one another, and streams that somebody removes.

use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Backend, Error, Inbox, NewMessage, Notice, Queue};
use hydra::id::{ActorId, Epoch, Seq};
use hydra::message::Headers;
use hydra::names::MessageId;
use hydra_tests::nats::NatsServer;
use tokio::time::{Instant, timeout};

use crate::{assert_told, open_with, settings};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) fn alice() -> ActorId {
    ActorId::parse("counter/alice").unwrap()
}

fn message(id: &str) -> NewMessage {
    let (queue, to, body) = (Queue::Inbox, alice(), Bytes::from(id.to_owned()));
    NewMessage { queue, to, id: MessageId::stored(id), committed: None, headers: Headers::default(), body }
}

/// Appends until the server takes it; repeated with the same id, it is one message.
pub(crate) async fn append(backend: &Backend, id: &str) -> Seq {
    let end = Instant::now() + TOO_LONG;
    loop {
        match backend.log.append(vec![message(id)]).await {
            Ok(appended) => return appended[0].seq,
            Err(error) if error.is_retryable() && Instant::now() < end => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Opens it and ends the earlier openings; tries again as a host does.
pub(crate) async fn open_inbox(backend: &Backend, epoch: u64) -> Box<dyn Inbox> {
    let end = Instant::now() + TOO_LONG;
    loop {
        let error = match backend.log.inbox(backend.log.bucket_of(&alice()), Epoch(epoch)).await {
            Ok(mut inbox) => match inbox.settle().await {
                Ok(()) => return inbox,
                Err(error) => error,
            },
            Err(error) => error,
        };
        assert!(error.is_retryable() && Instant::now() < end, "{error}");
    }
}

/// The ids of the next messages, whatever happens in between.
pub(crate) async fn next_ids(inbox: &mut Box<dyn Inbox>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        match timeout(TOO_LONG, inbox.next()).await.expect("nothing comes") {
            Ok(delivery) => ids.push(delivery.id.to_string()),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    ids
}

/// Nothing comes for a while.
async fn is_silent(inbox: &mut Box<dyn Inbox>) -> bool {
    timeout(Duration::from_millis(500), inbox.next()).await.is_err()
}

fn ids(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("m{number}")).collect()
}

#[tokio::test]
async fn an_open_inbox_goes_on_in_order_and_once_when_its_server_was_killed() {
    let mut server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    let mut inbox = open_inbox(&backend, 1).await;
    for id in ids(0, 20) {
        append(&backend, &id).await;
    }
    let mut read = next_ids(&mut inbox, 10).await;
    let tenth = backend.log.read(Queue::Inbox, Some(&alice()), Seq(0), 10).await.unwrap()[9].seq;
    inbox.ack(tenth).await.unwrap();
    for round in 1..=3 {
        server.kill().unwrap();
        server.restart().unwrap();
        for id in ids(20 * round, 20 * round + 20) {
            append(&backend, &id).await;
        }
        read.extend(next_ids(&mut inbox, 20).await);
    }
    read.extend(next_ids(&mut inbox, 10).await);
    assert_eq!(read, ids(0, 80));
    assert!(is_silent(&mut inbox).await);
    // What was not acknowledged comes again to the next owner, and nothing else does.
    let mut next_owner = open_inbox(&backend, 2).await;
    assert!(next_owner.floor() <= tenth);
    let count = 80 - usize::try_from(next_owner.floor().0).unwrap();
    let again = next_ids(&mut next_owner, count).await;
    assert!(ids(0, 80).ends_with(&again) && is_silent(&mut next_owner).await);
    store.close().await;
}

#[tokio::test]
async fn an_open_inbox_goes_on_when_its_server_hung() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    let mut inbox = open_inbox(&backend, 1).await;
    append(&backend, "m0").await;
    assert_eq!(next_ids(&mut inbox, 1).await, ["m0"]);
    server.pause().unwrap();
    // It may take a moment until it stands still; the same message again is no other one.
    let unanswered = loop {
        if let Err(error) = backend.log.append(vec![message("m1")]).await {
            break error;
        }
    };
    assert!(unanswered.is_retryable(), "{unanswered}");
    server.resume().unwrap();
    append(&backend, "m1").await;
    append(&backend, "m2").await;
    assert_eq!(next_ids(&mut inbox, 2).await, ["m1", "m2"]);
    assert!(is_silent(&mut inbox).await, "what was sent twice with one id is one message");
}

#[tokio::test]
async fn a_host_that_was_taken_over_from_hears_it() {
    let server = NatsServer::start().unwrap();
    let (one, other) = (open_with(&settings(&server)).await.unwrap(), open_with(&settings(&server)).await.unwrap());
    let mut old = open_inbox(&one.backend(), 1).await;
    for id in ids(0, 3) {
        append(&one.backend(), &id).await;
    }
    assert_eq!(next_ids(&mut old, 1).await, ["m0"]);
    let mut unsettled = other.backend().log.inbox(other.backend().log.bucket_of(&alice()), Epoch(2)).await.unwrap();
    assert_eq!(next_ids(&mut old, 1).await, ["m1"], "an opening that has not settled ends nobody");
    unsettled.settle().await.unwrap();
    let heard = loop {
        if let Err(error) = timeout(TOO_LONG, old.next()).await.expect("it stays silent") {
            break error;
        }
    };
    assert!(matches!(heard, Error::Closed), "{heard}");
    assert!(matches!(old.next().await, Err(Error::Closed)) && matches!(old.ack(Seq(1)).await, Err(Error::Closed)));
    assert!(matches!(old.trim(Seq(2)).await, Err(Error::Closed)));
    assert_eq!(next_ids(&mut unsettled, 3).await, ids(0, 3));
}

#[tokio::test]
async fn a_stream_that_somebody_deleted_is_named() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let backend = store.backend();
    let stream = format!("hydra_local_B_{:02x}", backend.log.bucket_of(&alice()).number);
    let client = async_nats::connect(server.url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream(&stream).await.unwrap();
    let error = backend.log.append(vec![message("m")]).await.unwrap_err();
    assert!(error.is_retryable());
    assert_told(&error.to_string(), &[&stream, "hydra doctor"]);
    let error = backend.log.inbox(backend.log.bucket_of(&alice()), Epoch(1)).await.err().unwrap();
    assert_told(&error.to_string(), &[&stream]);
}

#[tokio::test]
async fn answers_go_to_the_inboxes_of_clients_and_notices_to_their_place() {
    use futures_util::StreamExt as _;
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut all = client.subscribe(">").await.unwrap();
    client.flush().await.unwrap();
    // Answered once the subscription is known: the server takes a connection's commands in their order.
    let mut pong = client.subscribe("pong").await.unwrap();
    client.publish("pong", Bytes::new()).await.unwrap();
    timeout(TOO_LONG, pong.next()).await.unwrap().unwrap();
    for channel in ["_INBOX.a.1", "$JS.API.STREAM.DELETE.hydra_local_DLQ", "reply.7", "not a subject"] {
        store.backend().log.notify(Notice { channel: channel.into(), headers: Headers::default(), body: Bytes::new() });
    }
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "hydra.local.notice.reply.7._") {
        let message = timeout(TOO_LONG, all.next()).await.expect("nothing comes").unwrap();
        let subject = message.subject.to_string();
        if subject.starts_with("_INBOX.a.") || subject.contains("notice") {
            heard.push(subject);
        }
    }
    let expected =
        ["_INBOX.a.1", "hydra.local.notice.$JS.API.STREAM.DELETE.hydra_local_DLQ._", "hydra.local.notice.reply.7._"];
    assert_eq!(heard, expected);
}
