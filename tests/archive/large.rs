//! Many actors: the way there and back is a matter of seconds.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use hydra::backend::embedded;
use hydra::config::{self, Durability};
use hydra::record::{self, Record};
use hydra_tests::scripted::actor;

use crate::world::{export, import, put_record};

/// Small ones.
const ACTORS: u32 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_actors_are_carried() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name| {
        let (dir, durability) = (folder.path().join(name), Durability::Os);
        embedded::open(&config::Store { dir, durability, ..config::Store::default() }).unwrap()
    };
    let source = open("source");
    let backend = source.backend();
    let writes = stream::iter(0..ACTORS).map(async |number| {
        let record = Record { state: Some(Bytes::from(number.to_string())), ..Record::default() };
        put_record(&backend, &actor(&format!("counter/{number}")), &record).await;
    });
    writes.buffer_unordered(256).for_each(async |()| ()).await;
    let (file, exported) = export(&backend, folder.path(), "file").await;
    assert_eq!(exported.counts.actors, u64::from(ACTORS));
    let target = open("target");
    assert_eq!(import(&target.backend(), &file).await.unwrap().counts.actors, u64::from(ACTORS));
    for number in [0, 3_141, ACTORS - 1] {
        let key = record::key(&actor(&format!("counter/{number}")));
        let row = target.backend().actors.get(&key).await.unwrap().unwrap();
        assert_eq!(Record::decode(&row).unwrap().state.unwrap(), number.to_string());
    }
}
