//! Several turns on one instance, several instances on one pool, several guests on one thread.

use std::sync::Arc;

use hydra::config;
use hydra::effects::Fault;
use hydra::id::ActorId;
use hydra::wasm::Sandbox;
use hydra_tests::guest::Guest;
use hydra_tests::turns::{input, load, manifest, message, problem, reply, turn};
use tokio_util::task::TaskTracker;

const LOOP: &str = "(loop $again (br $again)) unreachable";

/// Replies how many turns this instance has had.
fn remembering() -> Guest {
    Guest::new(
        "(global.set $turns (i32.add (global.get $turns) (i32.const 1)))
         (i32.store (i32.const 256) (global.get $turns)) (call $reply (i32.const 256) (i32.const 4))",
    )
    .with("(global $turns (mut i32) (i32.const 0))")
}

#[tokio::test]
async fn messages_of_one_activation_share_an_instance_and_the_next_has_its_own() {
    let handler = load(remembering().build(), "").await;
    let message = message("go", &[1; 20_000]);
    for _ in 0..2 {
        let mut instance = handler.instance(&message.to).await.unwrap();
        for turn in 1..=20_u32 {
            assert_eq!(reply(&instance.handle(input(&message)).await), turn.to_le_bytes());
        }
    }
}

#[tokio::test]
async fn an_instance_that_broke_handles_nothing_more() {
    let handler = load(Guest::new("unreachable").build(), "").await;
    let message = message("go", b"");
    let mut instance = handler.instance(&message.to).await.unwrap();
    assert!(!instance.handle(input(&message)).await.reusable);
    let handled = instance.handle(input(&message)).await;
    assert!(matches!(handled.result, Err(Fault::Host(_))), "{handled:?}");
}

#[tokio::test]
async fn a_dropped_call_ends_its_instance_and_frees_its_slot() {
    let settings = config::Sandbox { instances_max: 1, ..config::Sandbox::default() };
    let sandbox = Sandbox::new(&settings, None, 1 << 20).unwrap();
    let handler = sandbox.load(Guest::new(LOOP).build(), manifest("limits.cpu_ms_max = 10")).await.unwrap().handler;
    let message = message("go", b"");
    let mut instance = handler.instance(&message.to).await.unwrap();
    let dropped = tokio::select! {
        biased; // The guest runs first, and is dropped when it first lets others run: that is what is tested.
        handled = instance.handle(input(&message)) => Some(handled),
        () = async {} => None,
    };
    assert!(dropped.is_none());
    assert!(matches!(instance.handle(input(&message)).await.result, Err(Fault::Host(_))));
    drop(instance);
    assert_eq!(problem(&turn(&*handler, input(&message)).await).code, "cpu-limit");
}

#[tokio::test]
async fn activations_beyond_the_pool_wait_their_turn() {
    let settings = config::Sandbox { instances_max: 2, ..config::Sandbox::default() };
    let sandbox = Sandbox::new(&settings, None, 1 << 20).unwrap();
    let handler = sandbox.load(Guest::counter().build(), manifest("")).await.unwrap().handler;
    let tasks = TaskTracker::new();
    let work = (0..50).map(|number| {
        let handler = Arc::clone(&handler);
        tasks.spawn(async move {
            let message = hydra::message::Message {
                to: ActorId::parse(&format!("counter/{number}")).unwrap(),
                ..message("add", b"")
            };
            let mut instance = handler.instance(&message.to).await.unwrap();
            tokio::task::yield_now().await;
            instance.handle(input(&message)).await
        })
    });
    for handled in work.collect::<Vec<_>>() {
        let handled = handled.await.unwrap();
        assert_eq!(reply(&handled), 1_u64.to_le_bytes());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn neighbours_on_one_thread_go_on_beside_a_loop() {
    let looping = load(Guest::new(LOOP).build(), "limits.cpu_ms_max = 60000\nlimits.wall_ms_max = 300000").await;
    let good = load(Guest::counter().build(), "").await;
    let message = message("add", b"");
    let neighbours = async {
        for _ in 0..20 {
            assert_eq!(reply(&turn(&*good, input(&message)).await), 1_u64.to_le_bytes());
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::select! {
        biased; // The loop has the first word each time; dropping it is safe, since nothing of it is kept.
        handled = turn(&*looping, input(&message)) => Some(handled),
        () = neighbours => None,
    };
    assert!(ended.is_none(), "the loop ended first: {ended:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn several_loops_on_one_thread_each_get_their_own_running_time() {
    let handler = load(Guest::new(LOOP).build(), "limits.cpu_ms_max = 20").await;
    let message = message("go", b"");
    let (first, second) = tokio::join!(turn(&*handler, input(&message)), turn(&*handler, input(&message)));
    for handled in [first, second] {
        assert_eq!(problem(&handled).code, "cpu-limit");
        assert!(!handled.cpu.is_zero());
    }
}
