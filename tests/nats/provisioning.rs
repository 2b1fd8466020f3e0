//! What is made on a server, and what is left as it is.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use hydra::backend::{Error, Expect};
use hydra::config::{self, Nats};
use hydra::message::Headers;
use hydra_tests::nats::NatsServer;

use crate::{assert_told, open_with, refused, settings};

async fn jetstream(server: &NatsServer) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

/// How every stream is set up, by name.
async fn streams(jetstream: &Context) -> Vec<Config> {
    use futures_util::TryStreamExt as _;
    let mut streams: Vec<Config> = jetstream.streams().map_ok(|info| info.config).try_collect().await.unwrap();
    streams.sort_by(|one, other| one.name.cmp(&other.name));
    streams
}

#[tokio::test]
async fn opening_twice_makes_everything_once() {
    let server = NatsServer::start().unwrap();
    let jetstream = jetstream(&server).await;
    let (one, other) = tokio::join!(async { open_with(&settings(&server)).await.unwrap() }, async {
        open_with(&settings(&server)).await.unwrap()
    });
    let made = streams(&jetstream).await;
    let names: Vec<&str> = made.iter().map(|stream| stream.name.as_str()).collect();
    let expected = [
        "KV_hydra_local_actors",
        "KV_hydra_local_liveness",
        "KV_hydra_registry",
        "OBJ_hydra_components",
        "hydra_local_B_00",
        "hydra_local_B_01",
        "hydra_local_DLQ",
        "hydra_local_PARKED",
    ];
    assert_eq!(names, expected);
    assert!(one.differences().is_empty() && other.differences().is_empty());
    let again = open_with(&settings(&server)).await.unwrap();
    assert!(again.differences().is_empty(), "{:?}", again.differences());
    assert_eq!(streams(&jetstream).await, made);
    // Any NATS client reads the tables as what they are.
    jetstream.get_key_value("hydra_local_actors").await.unwrap();
    jetstream.get_object_store("hydra_components").await.unwrap();
}

#[tokio::test]
async fn a_system_keeps_its_number_of_buckets() {
    let server = NatsServer::start().unwrap();
    open_with(&settings(&server)).await.unwrap().close().await;
    let other = config::Store { buckets: 64, ..config::Store::default() };
    let store = hydra::backend::nats::open(&settings(&server), &other).await.unwrap();
    assert_eq!(store.backend().log.buckets().len(), 2);
}

#[tokio::test]
async fn drift_is_told_and_never_changed() {
    let server = NatsServer::start().unwrap();
    open_with(&settings(&server)).await.unwrap().close().await;
    let jetstream = jetstream(&server).await;
    let mut config = jetstream.get_stream("hydra_local_B_01").await.unwrap().cached_info().config.clone();
    config.max_age = Duration::from_secs(3_600);
    jetstream.update_stream(config).await.unwrap();
    let before = streams(&jetstream).await;
    let store = open_with(&settings(&server)).await.unwrap();
    let told: Vec<_> = store.differences().iter().map(|one| (one.stream.as_str(), one.setting)).collect();
    assert_eq!(told, [("hydra_local_B_01", "max_age")]);
    assert!(store.differences()[0].danger.is_some_and(|danger| danger.contains("lost")));
    assert_eq!(streams(&jetstream).await, before);
}

#[tokio::test]
async fn a_stream_of_the_same_name_with_other_subjects_is_left_alone() {
    let server = NatsServer::start().unwrap();
    let jetstream = jetstream(&server).await;
    let foreign = Config { name: "hydra_local_B_00".into(), subjects: vec!["orders.>".into()], ..Config::default() };
    jetstream.create_stream(foreign).await.unwrap();
    let told = refused(&settings(&server)).await;
    assert_told(&told, &["hydra_local_B_00", "orders.>", "hydra.local.msg.0", "nats.system"]);
    let subjects = jetstream.get_stream("hydra_local_B_00").await.unwrap().cached_info().config.subjects.clone();
    assert_eq!(subjects, ["orders.>"]);
    let beside = Nats { system: "other".into(), ..settings(&server) };
    open_with(&beside).await.unwrap().close().await;
}

#[tokio::test]
async fn subjects_that_another_stream_takes_are_told() {
    let server = NatsServer::start().unwrap();
    let jetstream = jetstream(&server).await;
    let foreign = Config { name: "EVERYTHING".into(), subjects: vec!["hydra.>".into()], ..Config::default() };
    jetstream.create_stream(foreign).await.unwrap();
    assert_told(
        &refused(&settings(&server)).await,
        &["cannot make the stream hydra_local_", "another stream", "nats.system"],
    );
}

#[tokio::test]
async fn more_replicas_than_servers_are_told() {
    let server = NatsServer::start().unwrap();
    let told = refused(&Nats { replicas: 3, ..settings(&server) }).await;
    assert_told(&told, &["cannot make the stream", "nats.replicas"]);
}

const QUOTA: &str = "jetstream: enabled\nmax_payload: 2MB\n\
                     accounts { A: { jetstream: { LIMITS }, users: [ { user: a, password: b } ] } }";

fn login(server: &NatsServer) -> Nats {
    Nats { user: Some("a".into()), password: Some("b".into()), ..settings(server) }
}

#[tokio::test]
async fn an_account_with_room_for_fewer_streams_is_told() {
    let server = NatsServer::start_with(&QUOTA.replace("LIMITS", "max_streams: 4")).unwrap();
    assert_told(&refused(&login(&server)).await, &["cannot make the stream", "maximum number of streams"]);
}

#[tokio::test]
async fn a_used_up_quota_refuses_rows_softly_and_says_what_to_raise() {
    let server = NatsServer::start_with(&QUOTA.replace("LIMITS", "max_mem: 1MB, max_file: 3MB")).unwrap();
    let store = open_with(&login(&server)).await.unwrap();
    let table = store.backend().actors;
    let mut refused = None;
    for number in 0..8 {
        let value = Bytes::from(vec![7; 1 << 19]);
        match table.put(&format!("row.{number}"), value, Headers::default(), Expect::Absent, None).await {
            Ok(_) => {}
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let Some(Error::Unavailable { reason }) = refused else { panic!("{refused:?}") };
    assert_told(&reason, &["raise the account's JetStream limits"]);
    assert!(table.get("row.0").await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_larger_than_the_servers_payload_is_refused_with_its_limit() {
    let server = NatsServer::start_with("jetstream: enabled\nmax_payload: 64KB").unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let table = store.backend().actors;
    let put = table.put("a", Bytes::from(vec![7; 80_000]), Headers::default(), Expect::Any, None).await;
    assert!(matches!(put, Err(Error::TooLarge { limit: 65_536, .. })), "{put:?}");
    assert!(table.get("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_system_that_lost_a_stream_is_refused_and_the_stream_not_made_anew() {
    let server = NatsServer::start().unwrap();
    open_with(&settings(&server)).await.unwrap().close().await;
    let jetstream = jetstream(&server).await;
    for lost in ["hydra_local_B_01", "hydra_local_PARKED", "KV_hydra_local_actors"] {
        let config = jetstream.get_stream(lost).await.unwrap().cached_info().config.clone();
        jetstream.delete_stream(lost).await.unwrap();
        let error = open_with(&settings(&server)).await.err().unwrap().to_string();
        assert!(error.contains(lost) && error.contains("nats stream restore"), "{error}");
        assert!(jetstream.get_stream(lost).await.is_err(), "{lost} was made anew");
        jetstream.create_stream(config).await.unwrap();
    }
    // What lives is told anew by whoever does.
    jetstream.delete_stream("KV_hydra_local_liveness").await.unwrap();
    open_with(&settings(&server)).await.unwrap();
}
