//! Which copies of streams and consumers are behind, and which have nobody who decides. Used by `inspect`.
//! Where copies are kept on several servers, a server that comes back must catch up before another may go: until then the
//! servers choose no leader for what it has no log of, and what lies in it is not served.

use std::collections::BTreeMap;

use async_nats::jetstream::Context;
use futures_util::future::join_all;
use serde::Deserialize;

use super::api::{Cluster, ConsumerNames, Failure, Nothing, ask};
use super::error::code;
use super::names::Names;

/// How the copies on several servers stand.
#[derive(Debug, Default)]
pub struct Copies {
    /// How many there are beside the leaders' own.
    pub followers: usize,
    /// How many of them are not up to date, by server. One that died is missed within 10 s.
    pub behind: BTreeMap<String, usize>,
    /// Streams and consumers without a leader: nothing in them is served.
    pub leaderless: Vec<String>,
}

/// What the server says of a stream or a consumer.
#[derive(Deserialize)]
struct Info {
    cluster: Option<Cluster>,
}

/// Looks at these streams, and at our consumers in them.
pub(super) async fn look(jetstream: &Context, streams: &[String]) -> Copies {
    let mut copies = Copies::default();
    let told = join_all(streams.iter().map(|stream| ask_all(jetstream, stream))).await;
    for (name, info) in told.into_iter().flatten() {
        copies.note(name, info);
    }
    copies
}

/// What is said of a stream and its consumers, by name.
async fn ask_all(jetstream: &Context, stream: &str) -> Vec<(String, Result<Info, Failure>)> {
    let info = ask(jetstream, format!("STREAM.INFO.{stream}"), &Nothing {}).await;
    let listed = ask::<ConsumerNames>(jetstream, format!("CONSUMER.NAMES.{stream}"), &Nothing {}).await;
    let names = listed.ok().and_then(|names| names.consumers).unwrap_or_default();
    let consumers = names.iter().filter(|name| Names::consumer_epoch(name).is_some()).map(async |name| {
        let info = ask(jetstream, format!("CONSUMER.INFO.{stream}.{name}"), &Nothing {}).await;
        (format!("{stream} > {name}"), info)
    });
    let mut all = join_all(consumers).await;
    all.push((stream.into(), info));
    all
}

impl Copies {
    fn note(&mut self, name: String, info: Result<Info, Failure>) {
        // A later owner of the bucket has deleted it since its name was read.
        if info.as_ref().is_err_and(|failure| failure.is(code::CONSUMER_NOT_FOUND)) {
            return;
        }
        let Some(cluster) = info.ok().and_then(|info| info.cluster).filter(Cluster::names_leader) else {
            return self.leaderless.push(name);
        };
        self.followers += cluster.replicas.len();
        for peer in cluster.replicas.into_iter().filter(|peer| !peer.current) {
            *self.behind.entry(peer.name).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Result<Info, Failure> {
        Ok(serde_json::from_str(text).unwrap())
    }

    fn refused(code: u16) -> Result<Info, Failure> {
        Err(Failure::Refused { what: String::new(), code, text: String::new() })
    }

    #[test]
    fn servers_that_are_behind_are_counted_by_name_and_what_has_no_leader_is_told() {
        let mut copies = Copies::default();
        let peers = r#"{"name":"b","current":true},{"name":"c","current":false,"lag":3}"#;
        copies.note("S".into(), info(&format!(r#"{{"cluster":{{"leader":"a","replicas":[{peers}]}}}}"#)));
        copies.note("T".into(), info(r#"{"cluster":{"leader":"c","replicas":[{"name":"b","current":false}]}}"#));
        copies.note("U".into(), info(r#"{"cluster":{"leader":""}}"#));
        copies.note("V".into(), info("{}"));
        copies.note("W".into(), refused(10_008));
        copies.note("gone".into(), refused(code::CONSUMER_NOT_FOUND));
        assert_eq!(copies.behind, BTreeMap::from([("b".to_owned(), 1), ("c".to_owned(), 1)]));
        assert_eq!((copies.followers, copies.leaderless), (3, ["U", "V", "W"].map(str::to_owned).to_vec()));
    }
}
