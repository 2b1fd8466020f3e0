//! The seam's `Table` on SQLite: writes through the writer, reads one row at once on the caller's thread.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::row::{self, NewRow, Space};
use super::store::Store;
use super::stream::encode;
use crate::backend::bounds::check_row;
use crate::backend::{Entry, Error, Expect, Put, Table, Watch};
use crate::id::Revision;
use crate::message::Headers;

/// One table of one store.
pub(super) struct Rows {
    pub(super) store: Arc<Store>,
    pub(super) space: Space,
}

#[async_trait]
impl Table for Rows {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let now = self.store.clock.now();
        self.store.readers.quick(|connection| row::get(connection, self.space, key, now))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        check_row(&value, &headers)?;
        let (space, encoded) = (self.space, encode(&headers)?);
        let bytes = value.len() + encoded.len();
        let entry = Entry { value, headers, revision: Revision(0) };
        let new = NewRow { key: key.into(), entry, headers: encoded, expires_after };
        self.store.write(bytes, move |group| row::put(group, space, new, expect)).await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        let (space, key) = (self.space, key.to_owned());
        self.store.write(0, move |group| row::delete(group, space, key, expect)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        let (space, now) = (self.space, self.store.clock.now());
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let read = move |connection: &_| row::list(connection, space, &prefix, after.as_deref(), limit, now);
        self.store.readers.scan(read).await
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.store.watchers(self.space).watch(prefix)
    }
}
