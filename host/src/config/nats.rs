//! What the settings of NATS may be: names, addresses, and credentials that belong together. Pure; asked by `bounds`.
//! Never shows a secret: of an address with credentials not even the address.

use super::bounds::Broken;
use super::settings::Nats;

/// Servers that can be named; the others are learned from these.
const URLS_MAX: usize = 16;
/// Longest name of a system, region or connection.
const NAME_BYTES_MAX: usize = 32;
const CONNECTION_NAME_BYTES_MAX: usize = 64;
const SCHEMES: [&str; 2] = ["nats", "tls"];

/// All settings of NATS that cannot be.
pub(super) fn check(nats: &Nats) -> Vec<Broken> {
    let mut broken: Vec<Broken> = nats.urls.iter().filter_map(|url| address(url)).collect();
    if nats.urls.len() > URLS_MAX {
        broken.push(one("nats.urls", format!("{} addresses", nats.urls.len()), format!("at most {URLS_MAX}")));
    }
    broken.extend([("nats.system", &nats.system), ("nats.region", &nats.region)].into_iter().filter_map(name));
    let valid = (1..=CONNECTION_NAME_BYTES_MAX).contains(&nats.name.len());
    if !valid || !nats.name.bytes().all(|byte| byte.is_ascii_graphic()) {
        broken.push(one("nats.name", &nats.name, format!("1 to {CONNECTION_NAME_BYTES_MAX} visible ASCII characters")));
    }
    let word = |domain: &String| !domain.is_empty() && !domain.contains(['.', '*', '>', ' ']);
    if let Some(domain) = nats.domain.as_ref().filter(|domain| !word(domain)) {
        broken.push(one("nats.domain", domain, "one word, without dots and wildcards"));
    }
    broken.extend(pairs(nats));
    broken
}

/// What belongs together, and what does not.
fn pairs(nats: &Nats) -> Vec<Broken> {
    let pairs = [
        ("nats.user", nats.user.is_some(), nats.password.is_some(), "set together with nats.password"),
        (
            "nats.tls_cert_file",
            nats.tls_cert_file.is_some(),
            nats.tls_key_file.is_some(),
            "set together with nats.tls_key_file",
        ),
    ];
    let lonely = pairs.into_iter().filter(|(_, one, other, _)| one != other);
    let mut broken: Vec<Broken> = lonely.map(|(key, set, _, bounds)| one(key, presence(set), bounds)).collect();
    if nats.jwt_file.is_some() && nats.nkey_file.is_none() {
        broken.push(one("nats.jwt_file", "set", "set together with nats.nkey_file, which has its seed"));
    }
    let ways = [nats.creds_file.is_some(), nats.nkey_file.is_some(), nats.user.is_some(), nats.token.is_some()];
    if ways.iter().filter(|set| **set).count() > 1 {
        let bounds =
            "one way to log in: creds_file, or nkey_file (with or without jwt_file), or user and password, or token";
        broken.push(one("nats.creds_file", "one of several", bounds));
    }
    broken
}

fn presence(set: bool) -> &'static str {
    if set { "set" } else { "not set" }
}

fn address(url: &str) -> Option<Broken> {
    let bounds = "addresses such as nats://nats-1:4222 or tls://nats-1:4222, separated by commas";
    if url.contains('@') {
        let bounds = "an address without credentials: set nats.user and nats.password, or nats.creds_file";
        return Some(one("nats.urls", "an address with credentials", bounds));
    }
    let (scheme, place) = url.split_once("://").unwrap_or(("nats", url));
    let (host, port) = place.rsplit_once(':').unwrap_or((place, "4222"));
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let host_is_right = bracketed || (!host.is_empty() && !host.contains(['/', ':', ' ', '[', ']', '?', '#']));
    let valid = SCHEMES.contains(&scheme) && host_is_right && port.parse::<u16>().is_ok_and(|port| port > 0);
    (!valid).then(|| one("nats.urls", format!("{url:?}"), bounds))
}

fn name((key, name): (&'static str, &String)) -> Option<Broken> {
    let tail = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let valid = name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(tail);
    let bounds = format!("a lower-case letter, then at most {} of a-z and 0-9", NAME_BYTES_MAX - 1);
    (!valid).then(|| one(key, format!("{name:?}"), bounds))
}

fn one(key: &'static str, value: impl Into<String>, bounds: impl Into<String>) -> Broken {
    Broken { key, value: value.into(), bounds: bounds.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(nats: &Nats) -> Vec<&'static str> {
        check(nats).into_iter().map(|broken| broken.key).collect()
    }

    #[test]
    fn addresses_are_names_with_ports() {
        let with = |url: &str| Nats { urls: vec![url.into()], ..Nats::default() };
        for good in ["nats://a:4222", "tls://a.example:4443", "127.0.0.1:4222", "localhost", "nats://[::1]:4222"] {
            assert_eq!(keys(&with(good)), [""; 0], "{good}");
        }
        for bad in ["", "http://a", "nats://a:0", "nats://a:many", "nats://a/b", "a b", "nats://a:4222/?x"] {
            assert_eq!(keys(&with(bad)), ["nats.urls"], "{bad}");
        }
        let told = check(&with("nats://me:secret@a")).remove(0);
        assert!(!told.value.contains("secret") && !told.bounds.contains("secret") && told.bounds.contains("nats.user"));
    }

    #[test]
    fn credentials_come_whole_and_in_one_way() {
        let lonely = Nats {
            user: Some("a".into()),
            tls_key_file: Some("k".into()),
            jwt_file: Some("j".into()),
            ..Nats::default()
        };
        assert_eq!(keys(&lonely), ["nats.user", "nats.tls_cert_file", "nats.jwt_file"]);
        let both = Nats { token: Some("t".into()), creds_file: Some("c".into()), ..Nats::default() };
        assert_eq!(keys(&both), ["nats.creds_file"]);
        let jwt = Nats { jwt_file: Some("j".into()), nkey_file: Some("n".into()), ..Nats::default() };
        assert_eq!(keys(&jwt), [""; 0]);
    }

    #[test]
    fn names_are_one_word_of_a_subject_and_a_stream() {
        let wrong = Nats {
            system: "Hydra".into(),
            region: "eu_1".into(),
            domain: Some("a.b".into()),
            name: String::new(),
            ..Nats::default()
        };
        assert_eq!(keys(&wrong), ["nats.system", "nats.region", "nats.name", "nats.domain"]);
    }
}
