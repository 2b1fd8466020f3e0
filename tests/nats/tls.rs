//! TLS: names, authorities, and certificates of both sides. All certificates are made here and now.

use std::path::Path;

use hydra::config::Nats;
use hydra_tests::nats::NatsServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::{assert_told, open_with, refused, settings};

/// An authority, and what it vouches for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Writes `NAME.pem` and `NAME.key`, for this host name.
    fn issue(&self, folder: &Path, name: &str, host: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.into()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// A server that speaks TLS under this name, and in its folder `ca.pem`, `client.pem` and `client.key`.
fn server(host: &str, verify: bool) -> NatsServer {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    std::fs::write(folder.path().join("ca.pem"), authority.issuer.pem()).unwrap();
    authority.issue(folder.path(), "server", host);
    authority.issue(folder.path(), "client", "hydra");
    let tls = r#"cert_file: "$FOLDER/server.pem", key_file: "$FOLDER/server.key", ca_file: "$FOLDER/ca.pem""#;
    NatsServer::start_in(folder, &format!("jetstream: enabled\ntls {{ {tls}, verify: {verify} }}")).unwrap()
}

fn with_authority(server: &NatsServer) -> Nats {
    Nats { tls_ca_file: Some(server.folder().join("ca.pem")), ..settings(server) }
}

#[tokio::test]
async fn a_server_that_a_known_authority_vouches_for_is_taken() {
    let server = server("127.0.0.1", false);
    open_with(&with_authority(&server)).await.unwrap().close().await;
}

#[tokio::test]
async fn a_server_under_another_name_is_refused() {
    let server = server("elsewhere.example", false);
    assert_told(&refused(&with_authority(&server)).await, &["no safe connection", "elsewhere.example", "nats.urls"]);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let (server, other) = (server("127.0.0.1", false), server("127.0.0.1", false));
    let wrong = Nats { tls_ca_file: Some(other.folder().join("ca.pem")), ..settings(&server) };
    assert_told(&refused(&wrong).await, &["no safe connection", "--nats-tls-ca"]);
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one_or_says_so() {
    let server = server("127.0.0.1", true);
    let ours = Nats {
        tls_cert_file: Some(server.folder().join("client.pem")),
        tls_key_file: Some(server.folder().join("client.key")),
        ..with_authority(&server)
    };
    open_with(&ours).await.unwrap().close().await;
    assert_told(&refused(&with_authority(&server)).await, &["certificate"]);
    let missing = Nats { tls_cert_file: Some("no/such.pem".into()), ..ours };
    assert_told(&refused(&missing).await, &["no/such.pem", "nats.tls_cert_file"]);
}
