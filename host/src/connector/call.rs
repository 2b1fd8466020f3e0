//! What an actor asks for, as an HTTP request. Pure.
//! Called by `handler`, sent by `exchange`. Whatever an actor writes may be wrong or meant to harm.
//! Never lets a path lead to another origin, nor an actor set what is the host's: secrets, and how the message is framed.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::config;
use crate::message::{Message, Problem};

/// Names the path and the query of the URL; stands beside the request's own headers.
const PATH: &str = "path";
/// Longest path with its query, in bytes.
const PATH_BYTES_MAX: usize = 8 << 10;
/// Tells the other side which requests are one. An actor may set its own.
const KEY: &str = "idempotency-key";
/// What the HTTP client decides: how the message is framed, and where it goes.
const OF_CLIENT: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

/// One HTTP request, without the endpoint's secrets.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    /// Reads a message to a connector. `key` names it on all its tries.
    ///
    /// # Errors
    /// What is wrong with it and what it may be: refuse the message.
    pub(super) fn read(message: &Message, settings: &config::Endpoint, key: &str) -> Result<Self, Problem> {
        let method = method(message.subject.as_str())?;
        let url = url(message.headers.get(PATH), &settings.origin)?;
        let mut headers = HeaderMap::new();
        for (name, value) in message.headers.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(PATH)) {
            let (name, value) = header(name, value, settings)?;
            headers.append(name, value);
        }
        if let (false, Ok(key)) = (headers.contains_key(KEY), HeaderValue::try_from(key)) {
            headers.insert(KEY, key);
        }
        Ok(Self { method, url, headers, body: message.body.clone() })
    }

    /// Whether it may be made again when nobody knows what became of it.
    pub(super) fn is_repeatable(&self, settings: &config::Endpoint) -> bool {
        settings.honours_key || !matches!(self.method, Method::POST | Method::PATCH)
    }
}

/// Whether a message names a method and a path, wherever it goes.
///
/// # Errors
/// As [`Call::read`].
pub(super) fn check(message: &Message) -> Result<(), Problem> {
    let anywhere =
        config::Origin::parse("http://localhost").map_err(|error| Problem::new("bad-path", error.to_string()));
    method(message.subject.as_str()).and_then(|_| url(message.headers.get(PATH), &anywhere?)).map(|_| ())
}

fn method(subject: &str) -> Result<Method, Problem> {
    Ok(match subject {
        "get" => Method::GET,
        "head" => Method::HEAD,
        "post" => Method::POST,
        "put" => Method::PUT,
        "patch" => Method::PATCH,
        "delete" => Method::DELETE,
        "options" => Method::OPTIONS,
        other => {
            let text = format!("subject {other:?} is no method: write get, head, post, put, patch, delete or options");
            return Err(Problem::new("bad-method", text));
        }
    })
}

fn url(path: Option<&str>, origin: &config::Origin) -> Result<Url, Problem> {
    let bad = |text: &str| Problem::new("bad-path", text);
    let path = path
        .ok_or_else(|| bad("the header path is missing: write the path and the query, for example /v1/orders?all"))?;
    if path.len() > PATH_BYTES_MAX {
        return Err(bad(&format!("the header path is {} bytes, at most {PATH_BYTES_MAX}", path.len())));
    }
    let url = origin.url().join(path).ok().filter(|url| origin.has(url) && url.username().is_empty());
    let url = url.filter(|url| path.starts_with('/') && url.fragment().is_none() && url.password().is_none());
    url.ok_or_else(|| {
        bad("the header path begins with one slash, names no host and has no fragment: for example /v1/orders?all")
    })
}

fn header(name: &str, value: &str, settings: &config::Endpoint) -> Result<(HeaderName, HeaderValue), Problem> {
    let bad = |why: &str| Problem::new("bad-header", format!("header {name}: {why}"));
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    if OF_CLIENT.iter().any(|other| is(other)) {
        return Err(bad("the host sets it: leave it out"));
    }
    if settings.headers.keys().any(|other| is(other)) {
        return Err(bad(&format!("the endpoint {} puts it in: leave it out", settings.name)));
    }
    let value = HeaderValue::try_from(value).map_err(|_| bad("its value has characters that HTTP does not take"))?;
    Ok((HeaderName::try_from(name).map_err(|_| bad("HTTP takes no such name"))?, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ActorId;
    use crate::message::Headers;
    use crate::names::{MessageId, Subject};

    fn settings() -> config::Endpoint {
        toml::from_str("name = \"pay\"\norigin = \"https://a.example:8443\"\nheaders.authorization = { env = \"KEY\" }")
            .unwrap()
    }

    fn read(subject: &str, headers: &[(&str, &str)]) -> Result<Call, Problem> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let message = Message {
            id: MessageId::stored("m"),
            to: ActorId::parse("sys-http/pay").unwrap(),
            sender: Some(ActorId::parse("order/7").unwrap()),
            subject: Subject::new(subject).unwrap(),
            headers: Headers(headers),
            body: Bytes::from_static(b"{}"),
            reply: None,
            deadline: None,
            key: None,
            trace: None,
        };
        Call::read(&message, &settings(), "k1")
    }

    #[test]
    fn subject_path_headers_and_body_make_a_request() {
        let call = read("post", &[("Path", "/v1/charges?x=1 2"), ("content-type", "application/json")]).unwrap();
        assert_eq!(call.url.as_str(), "https://a.example:8443/v1/charges?x=1%202");
        assert_eq!(
            (call.method.as_str(), &call.headers["content-type"]),
            ("POST", &HeaderValue::from_static("application/json"))
        );
        assert!(!call.headers.contains_key("path") && !call.headers.contains_key("authorization"));
    }

    #[test]
    fn the_key_is_the_messages_unless_the_actor_has_its_own() {
        assert_eq!(read("put", &[("path", "/")]).unwrap().headers[KEY], "k1");
        assert_eq!(read("put", &[("path", "/"), ("Idempotency-Key", "order-7")]).unwrap().headers[KEY], "order-7");
    }

    #[test]
    fn a_path_never_leads_elsewhere() {
        for path in [
            "",
            "x",
            "//b.example/",
            "/\\b.example",
            "\\\\b.example",
            "https://b.example/",
            "@b.example",
            "/a#b",
            ":80/",
        ] {
            let read = read("get", &[("path", path)]);
            assert!(read.as_ref().is_err_and(|problem| problem.code == "bad-path"), "{path}: {read:?}");
        }
        assert!(read("get", &[]).is_err());
        let long = format!("/{}", "x".repeat(PATH_BYTES_MAX));
        assert!(read("get", &[("path", &long)]).unwrap_err().text.contains("8192"));
        assert_eq!(read("get", &[("path", "/../../x")]).unwrap().url.path(), "/x");
    }

    #[test]
    fn what_is_the_hosts_cannot_be_set() {
        for name in ["Authorization", "host", "Content-Length", "transfer-encoding", "connection"] {
            let problem = read("get", &[("path", "/"), (name, "x")]).unwrap_err();
            assert!(problem.code == "bad-header" && problem.text.contains("leave it out"), "{name}: {problem:?}");
        }
        assert_eq!(read("get", &[("path", "/"), ("x-a", "\u{7}")]).unwrap_err().code, "bad-header");
        assert_eq!(read("GET", &[("path", "/")]).unwrap_err().code, "bad-method");
    }

    #[test]
    fn what_makes_something_new_is_not_repeated_unless_the_key_counts() {
        let mut settings = settings();
        let repeatable = |subject, settings: &_| read(subject, &[("path", "/")]).unwrap().is_repeatable(settings);
        assert!(repeatable("get", &settings) && repeatable("put", &settings) && !repeatable("post", &settings));
        settings.honours_key = true;
        assert!(repeatable("post", &settings) && repeatable("patch", &settings));
    }
}
