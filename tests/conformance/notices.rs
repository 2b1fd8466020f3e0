//! Laws of best-effort messages.

use bytes::Bytes;
use hydra::backend::Notice;
use hydra::message::Headers;

use crate::world::{World, soon};

fn notice(channel: &str) -> Notice {
    Notice { channel: channel.into(), headers: Headers::default(), body: Bytes::from(channel.to_owned()) }
}

pub(crate) async fn whoever_follows_hears_from_now_on(world: &mut World) {
    let log = world.backend().log;
    log.notify(notice("local.reply.a.0"));
    let mut reply = log.follow("local.reply.a").await.unwrap();
    let mut all = log.follow("local").await.unwrap();
    for channel in ["local.reply.a.1", "local.reply.ab", "other", "local.reply.a"] {
        log.notify(notice(channel));
    }
    for channel in ["local.reply.a.1", "local.reply.a"] {
        assert_eq!(soon(reply.recv()).await, Some(notice(channel)));
    }
    for channel in ["local.reply.a.1", "local.reply.ab", "local.reply.a"] {
        assert_eq!(soon(all.recv()).await, Some(notice(channel)));
    }
}

pub(crate) async fn nobody_following_is_noticed(world: &mut World) {
    let log = world.backend().log;
    let follow = log.follow("events").await.unwrap();
    assert!(log.is_followed("events") && log.is_followed("events.turn"));
    drop(follow);
    log.notify(notice("events"));
}
