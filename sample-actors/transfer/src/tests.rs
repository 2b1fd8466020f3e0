//! Two accounts, native: the test carries the credits, also wrongly.

use hydra_sdk::test::{Harness, Incoming, Sent, Turn};

use super::*;

fn account(id: &str, amount: u64) -> Harness<Account> {
    let mut account = Harness::new(&format!("transfer/{id}"));
    assert_eq!(account.send("open", &Open { amount }).outcome, reply(amount));
    account
}

fn pay(from: &mut Harness<Account>, to: &str, amount: u64) -> Turn {
    from.send("transfer", &Transfer { to: to.into(), amount })
}

fn credit(to: &mut Harness<Account>, sent: &Sent) -> Turn {
    to.deliver(Incoming::of(sent, "transfer/alice"))
}

fn counted(account: &mut Harness<Account>) -> Account {
    account.send("account", &()).reply()
}

#[test]
fn money_moves_and_none_is_made() {
    let (mut alice, mut bob) = (account("alice", 100), account("bob", 10));
    let turn = pay(&mut alice, "bob", 30);
    assert_eq!(turn.reply::<Receipt>(), Receipt { number: 1, balance: 70 });
    assert_eq!(turn.sends[0].to, ActorId::new("transfer", "bob"));
    assert_eq!(turn.sends[0].json::<Credit>(), Credit { transfer: "test:2".into(), number: 1, amount: 30 });
    assert_eq!(credit(&mut bob, &turn.sends[0]).outcome, done());
    let (alice, bob) = (counted(&mut alice), counted(&mut bob));
    assert_eq!((alice.balance, alice.sent, bob.balance, bob.received), (70, 30, 40, 30));
    assert_eq!((alice.peers["bob"].sent, bob.peers["alice"].received), (1, 1));
    assert_eq!((bob.doubled, bob.missed, bob.unchecked), (0, 0, 0));
}

#[test]
fn wrong_transfers_are_refused_and_send_nothing() {
    let mut alice = account("alice", 100);
    for (to, amount, code) in [
        ("bob", 101, "insufficient-funds"),
        ("bob", 0, "invalid-amount"),
        ("alice", 1, "invalid-receiver"),
        ("", 1, "invalid-receiver"),
    ] {
        let turn = pay(&mut alice, to, amount);
        assert_eq!(turn.fault_code(), Some(code));
        assert!(turn.sends.is_empty());
    }
    let negative = Incoming::new("transfer").body(r#"{"to":"bob","amount":-1}"#);
    assert_eq!(alice.deliver(negative).fault_code(), Some("body-does-not-decode"));
    assert_eq!(alice.send("balance", &()).outcome, reply(100));
}

#[test]
fn an_account_is_opened_once_and_not_with_everything() {
    let mut alice = account("alice", 100);
    assert_eq!(alice.send("open", &Open { amount: 1 }).fault_code(), Some("already-open"));
    let mut bob = Harness::<Account>::new("transfer/bob");
    assert_eq!(bob.send("open", &Open { amount: OPEN_MAX + 1 }).fault_code(), Some("invalid-amount"));
}

#[test]
fn nobody_credits_from_outside() {
    let mut bob = account("bob", 0);
    let forged = Credit { transfer: "x".into(), number: 1, amount: 5 };
    assert_eq!(bob.send("credit", &forged).fault_code(), Some("not-an-account"));
    let stranger = Incoming::new("credit").json(&forged).sender("counter/alice");
    assert_eq!(bob.deliver(stranger).fault_code(), Some("not-an-account"));
}

#[test]
fn a_credit_that_comes_twice_is_seen() {
    let (mut alice, mut bob) = (account("alice", 100), account("bob", 0));
    let turn = pay(&mut alice, "bob", 30);
    credit(&mut bob, &turn.sends[0]);
    credit(&mut bob, &turn.sends[0]);
    assert_eq!(counted(&mut bob).doubled, 1);
}

#[test]
fn a_credit_that_is_lost_is_seen() {
    let (mut alice, mut bob) = (account("alice", 100), account("bob", 0));
    pay(&mut alice, "bob", 30);
    let turn = pay(&mut alice, "bob", 20);
    credit(&mut bob, &turn.sends[0]);
    let bob = counted(&mut bob);
    assert_eq!((bob.missed, bob.doubled, bob.received), (1, 0, 20));
}

#[test]
fn two_credits_that_change_places_are_seen() {
    let (mut alice, mut bob) = (account("alice", 100), account("bob", 0));
    let (first, second) = (pay(&mut alice, "bob", 30), pay(&mut alice, "bob", 20));
    credit(&mut bob, &second.sends[0]);
    credit(&mut bob, &first.sends[0]);
    let bob = counted(&mut bob);
    assert_eq!((bob.missed, bob.doubled, bob.received), (1, 1, 50));
}

#[test]
fn peers_are_bounded_but_money_still_arrives() {
    let mut alice = account("alice", 1_000);
    for number in 0..PEERS_MAX {
        assert!(pay(&mut alice, &format!("account-{number}"), 1).outcome.is_ok());
    }
    assert_eq!(pay(&mut alice, "one-more", 1).fault_code(), Some("too-many-peers"));
    let paid = Credit { transfer: "x".into(), number: 1, amount: 5 };
    let message = Incoming::new("credit").json(&paid).sender("transfer/one-more");
    assert_eq!(alice.deliver(message).outcome, done());
    let alice = counted(&mut alice);
    assert_eq!((alice.unchecked, alice.received), (1, 5));
}

#[test]
fn money_that_does_not_fit_stops_the_account_instead_of_vanishing() {
    let mut bob = account("bob", 1);
    let turn = bob.deliver(
        Incoming::new("credit")
            .json(&Credit { transfer: "x".into(), number: 1, amount: u64::MAX })
            .sender("transfer/alice"),
    );
    assert!(matches!(turn.outcome, Err(Failure::Suspend(_))));
    assert_eq!(bob.send("balance", &()).outcome, reply(1));
}
