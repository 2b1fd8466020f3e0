//! Round trips: a store that was carried to another backend is the same one, and its actors go on.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use hydra::backend::{Backend, NewMessage, embedded, nats};
use hydra::client::Operation;
use hydra::clock::{Clock, Time};
use hydra::config::{self, Durability};
use hydra::deadletter;
use hydra::id::Seq;
use hydra::message::Message;
use hydra::names::{MessageId, Subject};
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::{actor, ask, reply_to};

use crate::world::{Contents, WAITING, contents, export, import, keyed, operate, rig_on, worked_on_at};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a host may take to end.
pub(crate) const END: Duration = Duration::from_secs(10);

/// Runs something with tokio's clock paused.
fn paused<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(work)
}

pub(crate) fn folder_store(dir: &Path) -> embedded::Embedded {
    let config = config::Store { dir: dir.into(), durability: Durability::Os, buckets: 8, ..config::Store::default() };
    embedded::open(&config).unwrap()
}

pub(crate) async fn server_store(server: &NatsServer) -> nats::Nats {
    let nats = config::Nats { urls: vec![server.url()], ..config::Nats::default() };
    nats::open(&nats, &config::Store { buckets: 2, ..config::Store::default() }).await.unwrap()
}

/// Waits for something that must become true.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(TOO_LONG, wait).await.expect("it did not happen");
}

/// Serves a store until nothing waits in it, which a suspended actor's messages do for some seconds. Alice has
/// `value`, and remembers how her first message was answered.
async fn serve_a_while(backend: &Backend, value: &str) {
    let (node, _) = rig_on(backend.clone()).start().await;
    until(async || node.ready().is_ok()).await;
    assert_eq!(reply_to(&node.client(), "counter/alice", "add", "1").await, value);
    let again = ask(&node.client(), keyed("counter/alice", "add", "5")).await;
    assert!(again.replayed && again.body == "5", "{again:?}");
    until(async || {
        let mut waiting = false;
        for bucket in backend.log.buckets() {
            waiting |= backend.log.standing(bucket).await.unwrap().waiting.is_some();
        }
        !waiting
    })
    .await;
    node.drain(END).await;
}

/// A copy of a message that was sent to an actor at `time`.
fn late_copy(to: &str, id: MessageId, body: &'static str, time: Time) -> NewMessage {
    let subject = Subject::new(if to.starts_with("list") { "put" } else { "add" }).unwrap();
    let message = Message {
        id,
        to: actor(to),
        sender: None,
        subject,
        headers: hydra::message::Headers::default(),
        body: body.into(),
        reply: None,
        key: None,
        trace: None,
        deadline: None,
    };
    NewMessage::to_inbox(message, Some(time))
}

/// Carries what a file holds into a folder, from there to NATS, and from there into another folder; hosts work on the stores
/// in between. With the last store comes a moment at which the one before was still served.
async fn there_and_back(folder: &Path, first: &Path, expected: &Contents) -> (embedded::Embedded, Time) {
    let one = folder_store(&folder.join("one"));
    let summary = import(&one.backend(), first).await.unwrap();
    assert_eq!((summary.incarnation, summary.counts.messages), (2, u64::from(WAITING)));
    assert_eq!(contents(&one.backend()).await, *expected);
    one.close();
    let one = folder_store(&folder.join("one"));
    serve_a_while(&one.backend(), "6").await;
    let at_one = contents(&one.backend()).await;
    let (second, _) = export(&one.backend(), folder, "second").await;
    one.close();

    let server = NatsServer::start().unwrap();
    let two = server_store(&server).await;
    assert_eq!(import(&two.backend(), &second).await.unwrap().incarnation, 3);
    assert_eq!(contents(&two.backend()).await, at_one);
    two.close().await;
    let two = server_store(&server).await;
    serve_a_while(&two.backend(), "7").await;
    let at_two = contents(&two.backend()).await;
    let sent = two.backend().log.now().unwrap();
    let (third, summary) = export(&two.backend(), folder, "third").await;
    assert_eq!((summary.incarnation, summary.counts.messages), (3, u64::from(WAITING)));
    two.close().await;

    let three = folder_store(&folder.join("three"));
    assert_eq!(import(&three.backend(), &third).await.unwrap().incarnation, 4);
    assert_eq!(contents(&three.backend()).await, at_two);
    three.close();
    (folder_store(&folder.join("three")), sent)
}

#[test]
fn a_store_goes_to_nats_and_back_with_all_that_matters_and_its_actors_go_on() {
    let folder = tempfile::tempdir().unwrap();
    // Idempotency keys are kept for a day, so it was today.
    let start = Clock::system(Time(0)).now().minus(Duration::from_secs(120));
    let (first, expected, ids) = paused(async {
        let (rig, ids) = worked_on_at(start, WAITING).await;
        let (file, _) = export(&rig.backend, folder.path(), "first").await;
        (file, contents(&rig.backend).await, ids)
    });
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (store, sent) = there_and_back(folder.path(), &first, &expected).await;
        let backend = store.backend();
        let (node, _) = rig_on(backend.clone()).start().await;
        let client = node.client();
        assert_eq!(reply_to(&client, "counter/alice", "add", "1").await, "8");
        assert_eq!(reply_to(&client, "counter/gone", "get", "").await, "0", "what was deleted begins anew");
        let letters = async || deadletter::list(&backend, None, Seq(0), 100).await.unwrap();
        assert_eq!(letters().await.len(), 3);

        // What the old store handled, or not: here nobody can tell, so it is neither lost nor handled again.
        let id = MessageId::outside(&actor("counter/alice"), [7; 16]);
        backend.log.append(vec![late_copy("counter/alice", id, "100", sent)]).await.unwrap();
        until(async || letters().await.len() == 4).await;
        assert_eq!(letters().await[3].reason, "doubtful");
        assert_eq!(reply_to(&client, "counter/alice", "get", "").await, "8");

        // What still waited was carried over, so here a copy is known.
        let copy = late_copy("list/carol", ids[0].clone(), "1", start);
        backend.log.append(vec![copy]).await.unwrap();
        operate(&node, "list/carol", Operation::Resume).await;
        operate(&node, "counter/dave", Operation::Resume).await;
        let handled: String = (0..=WAITING).map(|number| format!("{number} ")).collect();
        assert_eq!(reply_to(&client, "list/carol", "get", "").await, handled);
        assert_eq!(reply_to(&client, "counter/dave", "add", "1").await, "2");
        assert_eq!(letters().await.len(), 4);
        assert!(node.ready().is_ok());
        node.drain(END).await;
        store.close();
    });
}
