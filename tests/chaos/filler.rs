//! Fills a NATS server's store up to its limit, so that it takes nothing more from anybody, and frees it again.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_nats::jetstream::{self, stream};
use tokio::time::{Instant, timeout};

const STREAM: &str = "FILLER";
/// One message of it.
const PIECE: usize = 256 << 10;
/// Filling takes at most so long.
const LIMIT: Duration = Duration::from_secs(30);

/// What fills the store.
pub(crate) struct Filler(jetstream::Context);

impl Filler {
    /// Stores messages until the server refuses one.
    ///
    /// # Errors
    /// It never does.
    pub(crate) async fn fill(url: &str) -> Result<Self> {
        let context = jetstream::new(async_nats::connect(url).await?);
        let config = stream::Config { name: STREAM.into(), subjects: vec![STREAM.into()], ..Default::default() };
        context.get_or_create_stream(config).await?;
        let end = Instant::now() + LIMIT;
        let mut piece = PIECE;
        // Large pieces first, then ever smaller ones: not even a small message finds room any more.
        while Instant::now() < end && piece > 0 {
            let stored = context.publish(STREAM, vec![0; piece].into()).await?;
            match timeout(LIMIT, stored).await.context("the server does not answer")? {
                Ok(_) => {}
                Err(_) => piece /= 4,
            }
        }
        if piece > 0 { bail!("the server's store never fills") } else { Ok(Self(context)) }
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// The server does not.
    pub(crate) async fn free(self) -> Result<()> {
        self.0.delete_stream(STREAM).await.map(drop).context("free the server's store")
    }
}
