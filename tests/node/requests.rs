//! Requests between actors and answers in later turns: each ends exactly once, whoever answers, late or never.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Expect, NewMessage, Queue};
use hydra::client::{Asked, Operation};
use hydra::deadletter;
use hydra::effects::{Awaited, Effects, Ending, Fault, Later, Outcome, Payload, Send, StateChange};
use hydra::id::Seq;
use hydra::message::{Headers, Problem, Status};
use hydra::timer::Pending;
use hydra::wasm::{Handled, Input};
use hydra_tests::faults::pass;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, broken, reply, reply_to, request, sending};

/// Makes requests and answers them. `ask TO MS SUBJECT BODY` makes one, whose ending it notes; the other subjects answer:
/// `now`, `done`, `refuse`, `fail`, `never`; `hold` answers when `let-go` comes; `relay TO MS …` asks on and answers then.
fn peer() -> Arc<Scripted> {
    Scripted::new(handle)
}

fn done(state: StateChange, outcome: Outcome, effects: Effects) -> Handled {
    let effects = Effects { state, ..effects };
    Handled::native(Ok((outcome, effects)))
}

/// A turn that makes a request with this memo.
fn asking(input: &Input<'_>, words: &[&str], memo: Bytes, outcome: Outcome) -> Handled {
    let due = input.now.plus(Duration::from_millis(words[1].parse().expect("milliseconds")));
    let due = input.message.deadline.map_or(due, |deadline| due.min(deadline));
    let token = format!("{}-{}", input.origin.seq, input.message.to.id());
    let mut waits = input.waits.clone();
    waits.expect(Pending { token: token.clone(), memo, due }).expect("few requests");
    let send =
        Send { awaited: Some(Awaited { token, due }), ..sending(&actor(words[0]), words[2], words[3..].join(" ")) };
    done(StateChange::Keep, outcome, Effects { sends: vec![send], waits: Some(waits), ..Effects::default() })
}

fn later(reply_token: String, body: &str) -> Effects {
    let payload = Payload { headers: Headers::default(), body: Bytes::copy_from_slice(body.as_bytes()) };
    Effects { answers: vec![Later { reply_token, payload }], ..Effects::default() }
}

fn handle(input: &Input<'_>) -> Handled {
    let body = String::from_utf8_lossy(&input.message.body).into_owned();
    let words: Vec<&str> = body.split(' ').collect();
    let state = String::from_utf8_lossy(&input.state.clone().unwrap_or_default()).into_owned();
    let problem = || Problem::new("why", "as the test says");
    let note = |what: String| StateChange::Set(format!("{state}{what} ").into());
    if let Some(answer) = input.answer {
        let memo = String::from_utf8_lossy(&answer.memo).into_owned();
        let what = match &answer.ending {
            Ending::Replied => format!("replied={body}"),
            Ending::Done => "done".into(),
            Ending::Refused(problem) => format!("refused={}", problem.code),
            Ending::Failed(problem) => format!("failed={}", problem.code),
            Ending::TimedOut => "timed-out".into(),
        };
        // A relay's memo is the token of whoever waits for it.
        if let Some(token) = memo.strip_prefix("relay:") {
            return done(note(what.clone()), Outcome::Done, later(token.into(), &what));
        }
        return done(note(format!("{memo}:{what}")), Outcome::Done, Effects::default());
    }
    match input.message.subject.as_str() {
        "list" => reply(state, StateChange::Keep),
        "ask" => asking(input, &words, Bytes::from(words[2].to_owned()), Outcome::Done),
        "relay" => {
            let memo = format!("relay:{}", input.reply_token.clone().expect("somebody waits"));
            asking(input, &words, memo.into(), Outcome::Later)
        }
        "now" => reply(format!("<{body}>"), note("heard".into())),
        "done" => done(note("heard".into()), Outcome::Done, Effects::default()),
        "refuse" => Handled::fault(Fault::Refuse(problem())),
        "fail" => Handled::fault(Fault::Fail(problem())),
        "break" => Handled::fault(broken()),
        "never" => done(note("heard".into()), Outcome::Later, Effects::default()),
        "hold" => {
            let token = input.reply_token.clone().expect("somebody waits");
            done(StateChange::Set(token.into()), Outcome::Later, Effects::default())
        }
        "let-go" => done(StateChange::Keep, Outcome::Done, later(state, "held")),
        "forge" => done(StateChange::Keep, Outcome::Done, later(body, "forged")),
        other => panic!("{other}"),
    }
}

fn rig() -> Rig {
    Rig::new().with("peer", peer())
}

async fn send(node: &hydra::node::Node, to: &str, subject: &str, body: &str) {
    node.client().send(request(to, subject, body)).await.unwrap();
}

async fn list(node: &hydra::node::Node, of: &str) -> String {
    reply_to(&node.client(), of, "list", "").await
}

#[tokio::test(start_paused = true)]
async fn every_request_ends_once_and_with_what_the_other_said() {
    let rig = rig();
    let (node, _) = rig.start().await;
    for subject in ["now", "done", "refuse", "fail", "break"] {
        send(&node, "peer/a", "ask", &format!("peer/b 60000 {subject} hello")).await;
    }
    pass(Duration::from_secs(20)).await;
    let mut told: Vec<String> = list(&node, "peer/a").await.split_whitespace().map(Into::into).collect();
    told.sort();
    assert_eq!(
        told,
        ["break:failed=trap", "done:done", "fail:failed=why", "now:replied=<hello>", "refuse:refused=why"]
    );
    assert!(rig.record(&actor("peer/a")).await.waits.is_empty());
    // Refused to somebody who waits: that leaves no dead letter.
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.subject.as_str()).collect::<Vec<_>>(), ["fail", "break"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_answers_times_out() {
    let rig = rig();
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/b 5000 never").await;
    send(&node, "peer/a", "ask", "nobody/b 6000 now").await;
    let suspended = node.client().operate(actor("peer/s"), Operation::Suspend, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(suspended, Asked::Answered(_)));
    send(&node, "peer/a", "ask", "peer/s 7000 now").await;
    pass(Duration::from_millis(5_500)).await;
    assert_eq!(list(&node, "peer/a").await, "never:timed-out ");
    node.kill();
    let (node, _) = rig.start().await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(list(&node, "peer/a").await, "never:timed-out now:timed-out now:timed-out ");
    // What comes after all is dropped.
    let resumed = node.client().operate(actor("peer/s"), Operation::Resume, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(resumed, Asked::Answered(_)));
    pass(Duration::from_secs(5)).await;
    assert_eq!(list(&node, "peer/s").await, "heard ");
    assert_eq!(list(&node, "peer/a").await, "never:timed-out now:timed-out now:timed-out ");
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_once_however_often_it_comes() {
    let rig = rig();
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/b 60000 now x").await;
    pass(Duration::from_secs(1)).await;
    let all = rig.backend.log.read(Queue::Inbox, Some(&actor("peer/a")), Seq(0), 10).await.unwrap();
    let answer = all.last().unwrap();
    assert_eq!(answer.headers.get("Hydra-Subject"), Some("answer:"));
    pass(Duration::from_secs(120)).await;
    let hydra::backend::Delivery { to, id, headers, body, .. } = answer.clone();
    let copy = NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body };
    rig.backend.log.append(vec![copy]).await.unwrap();
    pass(Duration::from_secs(1)).await;
    assert_eq!(list(&node, "peer/a").await, "now:replied=<x> ");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_itself_and_one_that_comes_back_are_answered() {
    let rig = rig();
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/a 60000 now self").await;
    pass(Duration::from_secs(1)).await;
    // a asks b, which asks a, and answers when it has its answer.
    send(&node, "peer/a", "ask", "peer/b 60000 relay peer/a 60000 now cycle").await;
    pass(Duration::from_secs(2)).await;
    assert_eq!(list(&node, "peer/a").await, "heard now:replied=<self> heard relay:replied=replied=<cycle> ");
    assert_eq!(list(&node, "peer/b").await, "replied=<cycle> ");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shrinks_along_a_chain() {
    let rig = rig();
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/b 3000 relay peer/c 60000 never").await;
    pass(Duration::from_millis(3_500)).await;
    assert_eq!(list(&node, "peer/a").await, "relay:timed-out ");
    assert_eq!(list(&node, "peer/b").await, "timed-out ");
    assert!(rig.record(&actor("peer/b")).await.waits.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_later_turn_answers_callers_and_actors() {
    let rig = rig();
    let (node, _) = rig.start().await;
    let client = node.client();
    let (answer, ()) = tokio::join!(ask(&client, request("peer/h", "hold", "")), async {
        pass(Duration::from_secs(1)).await;
        send(&node, "peer/h", "let-go", "").await;
    });
    assert_eq!((answer.status, answer.body.as_ref()), (Status::Replied, b"held".as_slice()));
    send(&node, "peer/a", "ask", "peer/h 60000 hold").await;
    pass(Duration::from_secs(1)).await;
    node.kill();
    let (node, _) = rig.start().await;
    for _ in 0..2 {
        send(&node, "peer/h", "let-go", "").await;
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(list(&node, "peer/a").await, "hold:replied=held ");
}

#[tokio::test(start_paused = true)]
async fn a_reply_token_that_a_guest_made_up_fails_its_turn() {
    let rig = rig();
    let (node, _) = rig.start().await;
    for token in ["", "reply.1", "X-not-sealed", &"A".repeat(10_000)] {
        let answer = ask(&node.client(), request("peer/a", "forge", token)).await;
        assert_eq!(answer.status, Status::HandlerFailed);
        assert_eq!(answer.problem.unwrap().code, "bad-reply-token");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_deleted_gets_no_answers_and_a_dead_answer_is_not_handled_again() {
    let rig = rig();
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/b 2000 never").await;
    pass(Duration::from_secs(1)).await;
    let deleted = node.client().operate(actor("peer/a"), Operation::Delete, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(deleted, Asked::Answered(_)));
    pass(Duration::from_secs(5)).await;
    assert_eq!(list(&node, "peer/a").await, "");
    let failing = Scripted::new(|input| match input.answer {
        Some(_) => Handled::fault(Fault::Fail(Problem::new("no", "no"))),
        None => handle(input),
    });
    let rig = Rig::new().with("peer", failing);
    let (node, _) = rig.start().await;
    send(&node, "peer/a", "ask", "peer/b 60000 now").await;
    pass(Duration::from_secs(1)).await;
    assert!(rig.record(&actor("peer/a")).await.waits.is_empty());
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    let error = deadletter::replay(&rig.backend, &node.client(), &letters[0].id).await.unwrap_err();
    assert!(error.to_string().contains("the request that it ended is over"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn hosts_that_are_killed_again_and_again_end_each_request_once() {
    for seed in 0_u64..20 {
        let rig = rig();
        let mut sent = 0;
        for round in 0..6 {
            let (node, _) = rig.start().await;
            for _ in 0..5 {
                sent += 1;
                send(&node, "peer/a", "ask", &format!("peer/b 60000 relay peer/c 50000 now {sent}")).await;
            }
            for step in 0..(seed * 7 + round * 13) % 61 {
                tokio::time::advance(Duration::from_millis(step % 3)).await;
                tokio::task::yield_now().await;
            }
            node.kill();
        }
        // The key of an ordinary row is in nobody's way.
        rig.backend.actors.put("timers.x", Bytes::new(), Headers::default(), Expect::Any, None).await.unwrap();
        let (node, _) = rig.start().await;
        pass(Duration::from_secs(120)).await;
        let mut told: Vec<String> = list(&node, "peer/a").await.split_whitespace().map(Into::into).collect();
        told.sort();
        let mut wanted: Vec<String> = (1..=sent).map(|number| format!("relay:replied=replied=<{number}>")).collect();
        wanted.sort();
        assert_eq!(told, wanted, "seed {seed}");
    }
}
