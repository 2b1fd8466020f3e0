//! The tick by which running guests are interrupted: a thread that moves wasmtime's epoch every 2 ms.
//! `instance` holds a [`Running`] around every call into a guest; without one the thread sleeps for good.
//! Never decides anything: what a tick means to a guest is `budget`'s business.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Time between two ticks: how long a guest runs before its neighbours get their turn.
pub(super) const TICK: Duration = Duration::from_millis(2);
/// Ticks without a guest after which the thread sleeps; a busy host thus wakes it ten times a second at most.
const IDLE_TICKS_MAX: u32 = 50;

/// The thread; ends when dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// All fields are written and read in one total order (`SeqCst`): a guest that starts while the thread falls asleep
/// either is counted before the thread looks, or sees `asleep` and wakes it.
#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    asleep: AtomicBool,
    ended: AtomicBool,
}

/// While one of these lives, ticks are made.
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it gives no thread: the host cannot run guests.
    pub(super) fn start(engine: wasmtime::Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new().name("hydra-ticker".into()).spawn(move || tick(&engine, &seen))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Says that a guest runs, until the answer is dropped.
    pub(super) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(&self.shared)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It ends at once and cannot have panicked; there is nobody to tell if it had.
            let _ = thread.join();
        }
    }
}

fn tick(engine: &wasmtime::Engine, shared: &Shared) {
    let mut idle = 0;
    while !shared.ended.load(Ordering::SeqCst) {
        if idle < IDLE_TICKS_MAX {
            // A stale wake-up cuts this short once per sleep; budgets allow for one early tick.
            thread::park_timeout(TICK);
            engine.increment_epoch();
            idle = if shared.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        } else {
            shared.asleep.store(true, Ordering::SeqCst);
            if shared.running.load(Ordering::SeqCst) == 0 && !shared.ended.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_sleeps_without_guests_and_wakes_for_one() {
        let ticker = Ticker::start(wasmtime::Engine::default()).unwrap();
        let wait_for = |asleep| {
            while ticker.shared.asleep.load(Ordering::SeqCst) != asleep {
                thread::yield_now();
            }
        };
        wait_for(true);
        let running = ticker.running();
        wait_for(false);
        drop(running);
        wait_for(true);
    }
}
