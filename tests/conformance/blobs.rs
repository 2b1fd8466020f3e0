//! Laws of blobs.

use bytes::Bytes;
use hydra::digest::Digest;

use crate::world::World;

pub(crate) async fn bytes_are_read_by_their_digest(world: &mut World) {
    let blobs = world.backend().blobs;
    let component = Bytes::from(vec![42; 3 << 20]);
    let digest = blobs.put(component.clone()).await.unwrap();
    assert_eq!(digest, Digest::of(&component));
    let blobs = world.reopen().await.blobs;
    assert_eq!(blobs.get(&digest).await.unwrap(), Some(component));
    assert_eq!(blobs.get(&Digest::of(b"never kept")).await.unwrap(), None);
}

pub(crate) async fn bytes_may_be_kept_twice(world: &mut World) {
    let blobs = world.backend().blobs;
    let put = || blobs.put(Bytes::from_static(b"component"));
    let (one, two) = tokio::join!(put(), put());
    assert_eq!(one.unwrap(), two.unwrap());
    let digest = put().await.unwrap();
    assert_eq!(blobs.get(&digest).await.unwrap().as_deref(), Some(&b"component"[..]));
}
