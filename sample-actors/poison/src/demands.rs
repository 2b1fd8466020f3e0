//! The ways to misbehave that take more than a line. Called by the actor, each for one subject.

use std::fs;
use std::hint::black_box;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hydra_sdk::{Context, Serialize};

/// What the sandbox lets a component see of its host.
#[derive(Serialize)]
pub(crate) struct Seen {
    environment: Vec<String>,
    arguments: Vec<String>,
    files: String,
    password_file: String,
    written_file: String,
    network: String,
    name_lookup: String,
}

pub(crate) fn probe() -> Seen {
    Seen {
        environment: std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect(),
        arguments: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        files: answer(fs::read_dir("/").map(Iterator::count)),
        password_file: answer(fs::read("/etc/passwd").map(|bytes| bytes.len())),
        written_file: answer(fs::write("/tmp/poison", "was here")),
        network: answer(TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], 80)))),
        name_lookup: answer(TcpStream::connect("localhost:80")),
    }
}

fn answer<T: std::fmt::Debug>(result: std::io::Result<T>) -> String {
    match result {
        Ok(found) => format!("allowed: {found:?}"),
        Err(error) => format!("denied: {error}"),
    }
}

/// Counts outside the state: shows how long an instance lives, and that no other actor ever sees it.
pub(crate) fn turns_of_this_instance() -> u64 {
    static TURNS: AtomicU64 = AtomicU64::new(0);
    TURNS.fetch_add(1, Ordering::Relaxed) + 1
}

#[expect(clippy::panic, reason = "it is what was asked for")]
pub(crate) fn panic() -> ! {
    panic!("as asked")
}

pub(crate) fn run_forever() -> ! {
    loop {
        black_box(());
    }
}

/// Loops in the host instead of the guest.
pub(crate) fn call_forever(ctx: &Context) -> ! {
    loop {
        black_box(ctx.now_ms());
    }
}

#[expect(clippy::disallowed_methods, reason = "waiting in a turn is what was asked for")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

#[expect(unconditional_recursion, reason = "it is what was asked for")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(depth + 1) + black_box(&frame).iter().sum::<u64>()
}

pub(crate) fn allocate_forever() -> ! {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; 1 << 20]));
    }
}
