//! Which copies of streams and consumers are behind, and which have nobody who decides. Used by `inspect`.
//! Where copies are kept on several servers, a server that comes back must catch up before another may go: until then the
//! servers choose no leader for what it has no log of, and what lies in it is not served.

use std::collections::BTreeMap;

use async_nats::jetstream::Context;
use futures_util::future::join_all;
use serde::Deserialize;

use super::api::{Cluster, ConsumerNames, Nothing, ask};
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
    for (name, cluster) in
        join_all(streams.iter().map(|stream| clusters(jetstream, stream))).await.into_iter().flatten()
    {
        copies.note(name, cluster);
    }
    copies
}

/// A stream and its consumers by name. None: it did not say.
async fn clusters(jetstream: &Context, stream: &str) -> Vec<(String, Option<Cluster>)> {
    let info = cluster(jetstream, format!("STREAM.INFO.{stream}")).await;
    let listed = ask::<ConsumerNames>(jetstream, format!("CONSUMER.NAMES.{stream}"), &Nothing {}).await;
    let names = listed.ok().and_then(|names| names.consumers).unwrap_or_default();
    let consumers = names.iter().filter(|name| Names::consumer_epoch(name).is_some()).map(async |name| {
        (format!("{stream} > {name}"), cluster(jetstream, format!("CONSUMER.INFO.{stream}.{name}")).await)
    });
    let mut all = join_all(consumers).await;
    all.push((stream.into(), info));
    all
}

async fn cluster(jetstream: &Context, what: String) -> Option<Cluster> {
    ask::<Info>(jetstream, what, &Nothing {}).await.ok()?.cluster
}

impl Copies {
    fn note(&mut self, name: String, cluster: Option<Cluster>) {
        let Some(cluster) = cluster.filter(Cluster::names_leader) else {
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

    fn info(text: &str) -> Option<Cluster> {
        serde_json::from_str::<Info>(text).unwrap().cluster
    }

    #[test]
    fn servers_that_are_behind_are_counted_by_name_and_what_has_no_leader_is_told() {
        let mut copies = Copies::default();
        let peers = r#"{"name":"b","current":true},{"name":"c","current":false,"lag":3}"#;
        copies.note("S".into(), info(&format!(r#"{{"cluster":{{"leader":"a","replicas":[{peers}]}}}}"#)));
        copies.note("T".into(), info(r#"{"cluster":{"leader":"c","replicas":[{"name":"b","current":false}]}}"#));
        copies.note("U".into(), info(r#"{"cluster":{"leader":""}}"#));
        copies.note("V".into(), info("{}"));
        assert_eq!(copies.behind, BTreeMap::from([("b".to_owned(), 1), ("c".to_owned(), 1)]));
        assert_eq!((copies.followers, copies.leaderless), (3, vec!["U".to_owned(), "V".to_owned()]));
    }
}
