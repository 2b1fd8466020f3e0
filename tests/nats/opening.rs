//! What a store on NATS is not opened with, and how that is said: credentials, versions, no JetStream, nobody there.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;

use hydra::config::Nats;
use hydra_tests::nats::NatsServer;

use crate::{assert_told, open_with, refused, settings};

const WITH_PASSWORD: &str = "jetstream: enabled\nauthorization { user: hydra, password: right-password }";

#[tokio::test]
async fn wrong_credentials_name_the_setting_and_show_no_secret() {
    let server = NatsServer::start_with(WITH_PASSWORD).unwrap();
    let none = refused(&settings(&server)).await;
    assert_told(&none, &["refuses these credentials (none)", "--nats-creds"]);
    let login =
        |password: &str| Nats { user: Some("hydra".into()), password: Some(password.into()), ..settings(&server) };
    let wrong = refused(&login("wrong-password")).await;
    assert_told(&wrong, &["nats.user", "HYDRA_NATS_PASSWORD"]);
    assert!(!wrong.contains("wrong-password"));
    open_with(&login("right-password")).await.unwrap().close().await;
}

#[tokio::test]
async fn a_token_opens_and_a_wrong_one_is_told() {
    let server = NatsServer::start_with("jetstream: enabled\nauthorization { token: the-token }").unwrap();
    let login = |token: &str| Nats { token: Some(token.into()), ..settings(&server) };
    assert_told(&refused(&login("another")).await, &["nats.token", "HYDRA_NATS_TOKEN"]);
    open_with(&login("the-token")).await.unwrap().close().await;
}

#[tokio::test]
async fn an_nkey_opens_and_another_is_refused() {
    let (known, other) = (nkeys_user(), nkeys_user());
    let public = &known.1;
    let users = format!("jetstream: enabled\nauthorization {{ users: [ {{ nkey: {public} }} ] }}");
    let server = NatsServer::start_with(&users).unwrap();
    let login = |seed: &str, name: &str| {
        let path = server.folder().join(name);
        std::fs::write(&path, seed).unwrap();
        Nats { nkey_file: Some(path), ..settings(&server) }
    };
    open_with(&login(&known.0, "known")).await.unwrap().close().await;
    assert_told(&refused(&login(&other.0, "other")).await, &["nats.nkey_file", "--nats-nkey"]);
    assert_told(&refused(&login("no seed", "none")).await, &["nats.nkey_file", "nkey"]);
}

fn nkeys_user() -> (String, String) {
    let pair = nkeys::KeyPair::new_user();
    (pair.seed().unwrap(), pair.public_key())
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_its_setting() {
    let server = NatsServer::start().unwrap();
    let missing = Nats { creds_file: Some(PathBuf::from("no/such.creds")), ..settings(&server) };
    assert_told(&refused(&missing).await, &["no/such.creds", "nats.creds_file"]);
    let path = server.folder().join("broken.creds");
    std::fs::write(&path, "-----BEGIN NATS USER JWT-----\nsecret-part\n").unwrap();
    let broken = refused(&Nats { creds_file: Some(path), ..settings(&server) }).await;
    assert_told(&broken, &["broken.creds", "nsc generate creds"]);
    assert!(!broken.contains("secret-part"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let mut server = NatsServer::start().unwrap();
    server.kill().unwrap();
    assert_told(&refused(&settings(&server)).await, &[&server.url(), "--nats"]);
}

#[tokio::test]
async fn a_server_without_jetstream_is_refused_with_the_cure() {
    let server = NatsServer::start_with("max_payload: 2MB").unwrap();
    assert_told(&refused(&settings(&server)).await, &["there is no JetStream", "nats-server -js"]);
}

#[tokio::test]
async fn an_account_without_jetstream_is_refused_with_the_cure() {
    let accounts = "jetstream: enabled\n\
                    accounts { A: { users: [ { user: a, password: b } ] }, B: { jetstream: enabled, users: [ { user: c, password: d } ] } }";
    let server = NatsServer::start_with(accounts).unwrap();
    let login = Nats { user: Some("a".into()), password: Some("b".into()), ..settings(&server) };
    assert_told(&refused(&login).await, &["there is no JetStream", "account"]);
}

#[tokio::test]
async fn an_old_server_is_refused_for_each_thing_that_it_lacks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // What 2.9 says at first; then it answers the client's first ping, and waits until the client has gone.
        let (mut client, _) = listener.accept().unwrap();
        let info =
            r#"{"server_id":"OLD","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576,"jetstream":true}"#;
        write!(client, "INFO {info}\r\nPONG\r\n").unwrap();
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    let told = refused(&Nats { urls: vec![url], ..Nats::default() }).await;
    assert_told(&told, &["2.9.10", "2.14", "message TTL", "message schedules", "update the server"]);
}
