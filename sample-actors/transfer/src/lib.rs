//! Accounts that send each other money: one actor per account, messages between them.
//! Teaches: actor-to-actor sends, refusing, state that proves itself. The oracle of the tests that kill hosts.
//!
//! What holds at any quiet point, and what a test adds up from the states:
//! - each account: `balance = opened + received - sent`;
//! - all accounts: the sum of `balance` is the sum of `opened`, and the sum of `sent` is the sum of `received`;
//! - each pair: what A counts as `peers[B].sent`, B counts as `peers[A].received`;
//! - each account: `doubled`, `missed` and `unchecked` are 0. Credits to one receiver are numbered 1, 2, 3 … by their
//!   sender, so the receiver itself sees one that comes twice, one that is lost and two that change places.

use std::collections::BTreeMap;

use hydra_sdk::*;

/// Most that an account may be opened with: the money of all accounts together stays far below what a `u64` holds.
const OPEN_MAX: u64 = 1_000_000_000_000;
/// Accounts that one account may deal with, so that its state stays small.
const PEERS_MAX: usize = 256;

/// An account.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    balance: u64,
    /// What it was opened with; none: not opened, but it may be paid.
    opened: Option<u64>,
    /// Money sent in all.
    sent: u64,
    /// Money received in all.
    received: u64,
    peers: BTreeMap<String, Peer>,
    /// Credits that came again, or after a later one.
    doubled: u64,
    /// Credits that never came before a later one.
    missed: u64,
    /// Credits of senders beyond `PEERS_MAX`: booked, but not counted per sender.
    unchecked: u64,
}

/// How many credits went to and came from another account.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Peer {
    sent: u64,
    received: u64,
}

/// Body of `open`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    amount: u64,
}

/// Body of `transfer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    /// Id of the receiving account.
    to: String,
    amount: u64,
}

/// Body of `credit`, from account to account.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credit {
    /// Id of the message that asked for the transfer.
    transfer: String,
    /// The how-manieth from this sender to this receiver, from 1.
    number: u64,
    amount: u64,
}

/// Reply of `transfer`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    number: u64,
    balance: u64,
}

impl Actor for Account {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "open" => self.open(&msg.json()?),
            "transfer" => self.transfer(ctx, msg.id(), &msg.json()?),
            "credit" => self.credit(ctx, msg.sender(), &msg.json()?),
            "balance" => reply(self.balance),
            "account" => reply(&*self),
            other => refuse("unknown-subject", format!("{other}: try open, transfer, balance, account")),
        }
    }

    fn describe() -> Description {
        let transfer = Transfer { to: "bob".into(), amount: 30 };
        Description::new("An account that sends money to others of its kind.")
            .subject(Subject::new("open").about("Opens it with money.").body(&Open { amount: 100 }).reply(&100))
            .subject(
                Subject::new("transfer")
                    .about("Sends money to another account.")
                    .body(&transfer)
                    .reply(&Receipt { number: 1, balance: 70 }),
            )
            .subject(Subject::new("balance").about("Replies with the money there is.").reply(&70))
            .subject(Subject::new("account").about("Replies with all that it counts."))
    }
}

impl Account {
    fn open(&mut self, open: &Open) -> Outcome {
        if self.opened.is_some() {
            return refuse("already-open", "an account is opened once");
        }
        if open.amount > OPEN_MAX {
            return refuse("invalid-amount", format!("{} is more than {OPEN_MAX}", open.amount));
        }
        self.opened = Some(open.amount);
        self.balance = booked(self.balance, open.amount)?;
        reply(self.balance)
    }

    fn transfer(&mut self, ctx: &Context, id: &str, transfer: &Transfer) -> Outcome {
        let Transfer { to, amount } = transfer;
        if to.is_empty() || *to == ctx.actor().id {
            return refuse("invalid-receiver", format!("{to:?}: name another account"));
        }
        if *amount == 0 {
            return refuse("invalid-amount", "send 1 at least");
        }
        let Some(balance) = self.balance.checked_sub(*amount) else {
            return refuse("insufficient-funds", format!("{amount} is more than the balance, {}", self.balance));
        };
        let Some(peer) = self.peer(to) else {
            return refuse("too-many-peers", format!("an account deals with {PEERS_MAX} others at most"));
        };
        peer.sent += 1;
        let credit = Credit { transfer: id.into(), number: peer.sent, amount: *amount };
        self.balance = balance;
        self.sent = booked(self.sent, *amount)?;
        ctx.send((ctx.actor().kind.as_str(), to.as_str()), "credit", &credit)?;
        reply(Receipt { number: credit.number, balance })
    }

    fn credit(&mut self, ctx: &Context, sender: Option<&ActorId>, credit: &Credit) -> Outcome {
        let Some(sender) = sender.filter(|sender| sender.kind == ctx.actor().kind) else {
            return refuse("not-an-account", "credits come from accounts only: send transfer to the paying account");
        };
        self.balance = booked(self.balance, credit.amount)?;
        self.received = booked(self.received, credit.amount)?;
        match self.peer(&sender.id) {
            None => self.unchecked += 1,
            Some(peer) if credit.number <= peer.received => self.doubled += 1,
            Some(peer) => {
                let missed = credit.number - peer.received - 1;
                peer.received = credit.number;
                self.missed += missed;
            }
        }
        let Self { doubled, missed, .. } = self;
        if *doubled + *missed > 0 {
            ctx.error(format!("{} from {sender}: {doubled} doubled, {missed} missed", credit.transfer));
        }
        done()
    }

    /// What is counted for another account; none when there are too many.
    fn peer(&mut self, id: &str) -> Option<&mut Peer> {
        let known = self.peers.contains_key(id) || self.peers.len() < PEERS_MAX;
        known.then(|| self.peers.entry(id.to_owned()).or_default())
    }
}

/// The sum; money must not vanish, so one that does not fit stops the account for a human.
fn booked(total: u64, amount: u64) -> Result<u64, Failure> {
    match total.checked_add(amount) {
        Some(sum) => Ok(sum),
        None => suspend("overflow", format!("{total} and {amount} together do not fit 64 bits")),
    }
}

export_actor!(Account);

#[cfg(test)]
mod tests;
