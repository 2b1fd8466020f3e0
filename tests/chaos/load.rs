//! All workloads together: clients that never wait for each other, on actors that send each other messages.
//! Started and stopped by `world` around its faults; at rest every workload says whether all is as promised.

use std::sync::Arc;

use anyhow::{Context, Result};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::caller::{Caller, PATIENCE};
use crate::counters::{Common, Own};
use crate::journals::{Journal, Way};
use crate::letters::Letters;
use crate::tally::Tally;
use crate::transfers::Transfers;

/// Clients that send money about.
const SENDERS: usize = 5;
const COUNTERS: usize = 2;

/// What runs while faults happen.
pub(crate) struct Load {
    pub(crate) caller: Caller,
    transfers: Arc<Transfers>,
    senders: Vec<Arc<Caller>>,
    own: Vec<Arc<Own>>,
    common: Arc<Common>,
    journals: [Arc<Journal>; 3],
    letters: Arc<Letters>,
    clients: JoinSet<Result<()>>,
    stop: CancellationToken,
}

impl Load {
    /// Makes the actors that need making.
    ///
    /// # Errors
    /// The hosts do not take it.
    pub(crate) async fn new(caller: Caller) -> Result<Self> {
        let journals = [
            Journal::new(caller.busy(), "keyed", Way::Keyed),
            Journal::new(caller.idle(), "suspended", Way::Suspended),
            Journal::new(caller.idle(), "once", Way::Once),
        ];
        Ok(Self {
            transfers: Transfers::open(caller.idle()).await?,
            senders: (0..SENDERS).map(|_| caller.busy()).collect(),
            own: (0..COUNTERS).map(|number| Own::new(caller.busy(), format!("own-{number}"))).collect(),
            common: Common::new(caller.idle(), "common"),
            journals,
            letters: Letters::new(caller.busy(), "letters"),
            clients: JoinSet::new(),
            stop: CancellationToken::new(),
            caller,
        })
    }

    /// Lets all clients work.
    pub(crate) fn start(&mut self, random: &mut Rng) {
        self.stop = CancellationToken::new();
        for sender in &self.senders {
            self.clients.spawn(self.transfers.clone().run(sender.clone(), random.fork(), self.stop.clone()));
        }
        for counter in &self.own {
            self.clients.spawn(counter.clone().run(self.stop.clone()));
        }
        self.clients.spawn(self.common.clone().run(self.stop.clone()));
        for journal in &self.journals {
            self.clients.spawn(journal.clone().run(self.stop.clone()));
        }
        self.clients.spawn(self.letters.clone().run(self.stop.clone()));
    }

    /// Lets every client finish what it has begun.
    ///
    /// # Errors
    /// A client did not get what it was promised.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.stop.cancel();
        let ended = async {
            while let Some(ended) = self.clients.join_next().await {
                ended??;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, ended).await.context("a client does not end")?
    }

    /// At rest: is it all as it should be?
    ///
    /// # Errors
    /// A host does not answer, or answers nonsense.
    pub(crate) async fn check(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        self.transfers.check(&mut tally).await?;
        for counter in &self.own {
            counter.check(&mut tally).await?;
        }
        self.common.check(&mut tally).await?;
        for journal in &self.journals {
            journal.check(&mut tally).await?;
        }
        self.letters.check(&mut tally).await?;
        Ok(tally)
    }
}
