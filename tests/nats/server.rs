//! The tests' own server: it keeps what it stored over `kill -9`, on the same port.

use hydra_tests::nats::NatsServer;

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_what_it_had() {
    let mut server = NatsServer::start().unwrap();
    let url = server.url();
    let client = async_nats::connect(&url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config { name: "KEPT".into(), ..Default::default() };
    jetstream.create_stream(config).await.unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(server.url(), url);
    let client = async_nats::connect(&url).await.unwrap();
    async_nats::jetstream::new(client).get_stream("KEPT").await.unwrap();
    server.stop().unwrap();
}
