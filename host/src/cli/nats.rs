//! Flags that lead to NATS instead of the embedded store: of `host`, `doctor` and `store export|import`, of no verb that speaks HTTP.
//! Passwords and tokens have no flag, since every process list would show them. Never connects.

use clap::Args;
use hydra::config::Given;

use super::settings::given;

/// NATS as flags; each wins over the environment and the file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "NATS JetStream (password and token: HYDRA_NATS_PASSWORD, HYDRA_NATS_TOKEN)")]
pub(super) struct NatsSettings {
    /// Keep everything on these servers instead of in a folder
    #[arg(long = "nats", value_name = "URL[,URL…]")]
    urls: Option<String>,
    /// Log in with a credentials file
    #[arg(long = "nats-creds", value_name = "FILE")]
    creds_file: Option<String>,
    /// Log in with an nkey seed
    #[arg(long = "nats-nkey", value_name = "FILE")]
    nkey_file: Option<String>,
    /// Log in with a user JWT; its seed is in --nats-nkey
    #[arg(long = "nats-jwt", value_name = "FILE")]
    jwt_file: Option<String>,
    /// Log in with a name and HYDRA_NATS_PASSWORD
    #[arg(long = "nats-user", value_name = "NAME")]
    user: Option<String>,
    /// Demand TLS, and trust servers that this authority vouches for
    #[arg(long = "nats-tls-ca", value_name = "FILE")]
    tls_ca_file: Option<String>,
    /// Show this certificate to the server
    #[arg(long = "nats-tls-cert", value_name = "FILE")]
    tls_cert_file: Option<String>,
    /// The key of --nats-tls-cert
    #[arg(long = "nats-tls-key", value_name = "FILE")]
    tls_key_file: Option<String>,
    /// The JetStream domain
    #[arg(long = "nats-domain", value_name = "NAME")]
    domain: Option<String>,
    /// Servers that keep a copy of each new stream
    #[arg(long = "nats-replicas", value_name = "COUNT")]
    replicas: Option<String>,
}

impl NatsSettings {
    /// As settings.
    pub(super) fn flags(&self) -> Vec<Given> {
        let flags = [
            ("nats.urls", "--nats", &self.urls),
            ("nats.creds_file", "--nats-creds", &self.creds_file),
            ("nats.nkey_file", "--nats-nkey", &self.nkey_file),
            ("nats.jwt_file", "--nats-jwt", &self.jwt_file),
            ("nats.user", "--nats-user", &self.user),
            ("nats.tls_ca_file", "--nats-tls-ca", &self.tls_ca_file),
            ("nats.tls_cert_file", "--nats-tls-cert", &self.tls_cert_file),
            ("nats.tls_key_file", "--nats-tls-key", &self.tls_key_file),
            ("nats.domain", "--nats-domain", &self.domain),
            ("nats.replicas", "--nats-replicas", &self.replicas),
        ];
        flags.into_iter().filter_map(|(key, flag, text)| text.as_ref().map(|text| given(key, text, flag))).collect()
    }
}

#[cfg(test)]
mod tests {
    use hydra::config::Sources;

    use super::*;

    #[test]
    fn every_flag_is_a_known_setting() {
        let text = |text: &str| Some(text.to_owned());
        let settings = NatsSettings {
            urls: text("nats://a:4222,tls://b"),
            nkey_file: text("seed"),
            jwt_file: text("jwt"),
            tls_ca_file: text("ca.pem"),
            tls_cert_file: text("cert.pem"),
            tls_key_file: text("key.pem"),
            domain: text("hub"),
            replicas: text("3"),
            ..NatsSettings::default()
        };
        let loaded = hydra::config::load(&Sources { flags: settings.flags(), ..Sources::default() }).unwrap();
        assert_eq!(loaded.settings.iter().filter(|setting| setting.origin.starts_with("--nats")).count(), 8);
        assert_eq!(loaded.config.nats.urls, ["nats://a:4222", "tls://b"]);
    }
}
