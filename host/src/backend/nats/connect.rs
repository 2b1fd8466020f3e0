//! The connection to the servers: credentials, TLS, and how it comes back. Called by `open`, once.
//! At the start a server that does not answer is an error; later the connection is made again for ever, with a bounded pause.
//! Never logs or shows a secret.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::rustls::{self, CertificateError};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};

use super::error::OpenError;
use crate::config;

/// How long one server may take to answer when a connection is made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer of the server may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// A silent connection is given up after about twice this.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Pause before the second attempt to connect again; the first is made at once.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Commands that wait for the socket; whoever comes then waits.
const COMMANDS_MAX: usize = 8_192;

/// Connects.
///
/// # Errors
/// `OpenError`: each names what to correct.
pub(super) async fn connect(config: &config::Nats) -> Result<Client, OpenError> {
    connect_and_tell(config, tell).await
}

/// As [`connect`], and whatever happens to the connection is told.
///
/// # Errors
/// As [`connect`].
pub(super) async fn connect_and_tell(
    config: &config::Nats,
    tell: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<Client, OpenError> {
    let urls = shown(config);
    let unreadable = |error: std::io::Error| OpenError::Unreachable { urls: urls.clone(), reason: error.to_string() };
    let addresses: Result<Vec<ServerAddr>, _> = config.urls.iter().map(|url| url.parse()).collect();
    let tell = Arc::new(tell);
    let options = ConnectOptions::new().event_callback(move |event| {
        let tell = Arc::clone(&tell);
        async move { tell(&event) }
    });
    let options = tls(config, credentials(config, options).await?).await?;
    let connected = options.connect(addresses.map_err(unreadable)?).await;
    connected.map_err(|error| explain(config, &error))
}

/// The addresses, for people.
pub(super) fn shown(config: &config::Nats) -> String {
    config.urls.join(", ")
}

async fn credentials(config: &config::Nats, options: ConnectOptions) -> Result<ConnectOptions, OpenError> {
    let options = options
        .name(&config.name)
        .connection_timeout(CONNECT_LIMIT)
        .request_timeout(Some(REQUEST_LIMIT))
        .ping_interval(PING_EVERY)
        .client_capacity(COMMANDS_MAX)
        // What this process tells, it hears without the server.
        .no_echo()
        .reconnect_delay_callback(pause);
    if let Some(path) = &config.creds_file {
        let text = read("nats.creds_file", path).await?;
        return with_creds(options, &text, "nats.creds_file", path);
    }
    if let Some(path) = &config.nkey_file {
        let seed = read("nats.nkey_file", path).await?;
        return match &config.jwt_file {
            Some(path) => {
                let jwt = read("nats.jwt_file", path).await?;
                let text = format!(
                    "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
                     -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
                    jwt.trim(),
                    seed.trim()
                );
                with_creds(options, &text, "nats.jwt_file", path)
            }
            None => Ok(options.nkey(seed.trim().into())),
        };
    }
    Ok(match (&config.user, &config.password, &config.token) {
        (Some(user), Some(password), _) => options.user_and_password(user.clone(), password.clone()),
        (_, _, Some(token)) => options.token(token.clone()),
        _ => options,
    })
}

fn with_creds(
    options: ConnectOptions,
    text: &str,
    setting: &'static str,
    path: &Path,
) -> Result<ConnectOptions, OpenError> {
    // The client's own text could hold a part of the file.
    let reason = "it does not hold a user JWT and an nkey seed, as `nsc generate creds` writes them".to_owned();
    options.credentials(text).map_err(|_| OpenError::File { setting, path: path.into(), reason })
}

async fn tls(config: &config::Nats, mut options: ConnectOptions) -> Result<ConnectOptions, OpenError> {
    if config.tls || config.tls_first || config.tls_ca_file.is_some() || config.tls_cert_file.is_some() {
        options = options.require_tls(true);
    }
    if config.tls_first {
        options = options.tls_first();
    }
    if let Some(path) = &config.tls_ca_file {
        read("nats.tls_ca_file", path).await?;
        options = options.add_root_certificates(path.clone());
    }
    if let (Some(certificate), Some(key)) = (&config.tls_cert_file, &config.tls_key_file) {
        read("nats.tls_cert_file", certificate).await?;
        read("nats.tls_key_file", key).await?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

async fn read(setting: &'static str, path: &Path) -> Result<String, OpenError> {
    let read = tokio::fs::read_to_string(path).await;
    read.map_err(|error| OpenError::File { setting, path: path.into(), reason: error.to_string() })
}

/// The pause before an attempt to connect: none at first, then doubling.
fn pause(attempt: usize) -> Duration {
    match u32::try_from(attempt.saturating_sub(2)) {
        _ if attempt <= 1 => Duration::ZERO,
        Ok(doublings) => PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX),
        Err(_) => PAUSE_MAX,
    }
}

fn tell(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to a NATS server"),
        Event::Disconnected => tracing::warn!("the connection to the NATS server broke: connecting again"),
        Event::LameDuckMode => tracing::info!("the NATS server is going to end: connecting to another"),
        Event::SlowConsumer(subscription) => {
            tracing::warn!(subscription, "messages of the NATS server were dropped: this host does not keep up");
        }
        Event::ServerError(error) => tracing::warn!(%error, "the NATS server complains"),
        Event::ClientError(error) => tracing::debug!(%error, "an attempt to connect failed"),
        other => tracing::debug!(%other, "the NATS connection changed"),
    }
}

fn explain(config: &config::Nats, error: &async_nats::ConnectError) -> OpenError {
    let urls = shown(config);
    if let Some(error) = rustls_error(error) {
        let (reason, cure) = explain_tls(error);
        return OpenError::Tls { urls, reason, cure };
    }
    let reason = error.source().map_or_else(|| error.to_string(), |source| source.to_string());
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => {
            let (used, cure) = used(config);
            OpenError::Credentials { urls, used, reason: error.to_string(), cure }
        }
        ConnectErrorKind::Authentication => {
            let (used, _) = used(config);
            let cure = "the seed is not a user's nkey: make one with `nk -gen user` or `nsc`";
            OpenError::Credentials { urls, used, reason: error.to_string(), cure }
        }
        ConnectErrorKind::Tls => {
            OpenError::Tls { urls, reason, cure: "look at the files that nats.tls_… name: they must be PEM" }
        }
        _ => OpenError::Unreachable { urls, reason },
    }
}

/// How it logs in, and what to change when that is refused.
fn used(config: &config::Nats) -> (&'static str, &'static str) {
    if config.creds_file.is_some() {
        ("nats.creds_file", "ask for a new credentials file, or name another with --nats-creds")
    } else if config.jwt_file.is_some() {
        ("nats.jwt_file", "ask for a new JWT, and look whether nats.nkey_file holds its seed")
    } else if config.nkey_file.is_some() {
        ("nats.nkey_file", "add its public key to the server's users, or name another with --nats-nkey")
    } else if config.user.is_some() {
        ("nats.user", "correct nats.user and nats.password (HYDRA_NATS_PASSWORD)")
    } else if config.token.is_some() {
        ("nats.token", "correct nats.token (HYDRA_NATS_TOKEN)")
    } else {
        ("none", "name a credentials file with --nats-creds, or set nats.user and nats.password")
    }
}

/// The TLS library's error, if it is at the bottom of this one.
fn rustls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| rustls_error(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn explain_tls(error: &rustls::Error) -> (String, &'static str) {
    let cure = match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use a name that stands in the server's certificate in nats.urls (--nats), or have it issued for this one",
        // An authority of the right name with another key.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "name the authority that signed the server's certificate with --nats-tls-ca"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew the server's certificate, and look at this machine's clock",
        rustls::Error::AlertReceived(_) => {
            "the server refuses this host's certificate: name one that it knows with --nats-tls-cert and --nats-tls-key"
        }
        _ => "look at the server's certificate and at the files that nats.tls_… name",
    };
    (error.to_string(), cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_the_first_attempt_is_made_at_once() {
        assert_eq!([0, 1, 2, 3, 4].map(|attempt| pause(attempt).as_millis()), [0, 0, 50, 100, 200]);
        assert_eq!(pause(20), PAUSE_MAX);
        assert_eq!(pause(usize::MAX), PAUSE_MAX);
    }

    #[test]
    fn a_tls_error_is_found_below_others() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let nested = std::io::Error::other(std::io::Error::other(tls));
        let (_, cure) = explain_tls(rustls_error(&nested).unwrap());
        assert!(cure.contains("--nats-tls-ca"));
        assert!(rustls_error(&std::io::Error::other("something else")).is_none());
    }
}
