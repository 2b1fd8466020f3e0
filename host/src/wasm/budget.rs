//! What one guest may use: running time and wall time of a call, memory and tables of an instance.
//! Asked by wasmtime on every tick and whenever something grows; filled anew by `instance` before every call.
//! Never looks at what the guest does, only at how much.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::manifest::Limits;
use crate::wasm::fault::Stop;
use crate::wasm::ticker::TICK;

/// Core instances of one component, shims included; CPython has 38.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;
/// Linear memories of one component.
pub(super) const MEMORIES_MAX: u32 = 4;
/// Tables of one component.
pub(super) const TABLES_MAX: u32 = 64;
/// Elements of one table.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Time left for a call.
pub(super) struct Time {
    /// Running time is counted in ticks, so what neighbours run costs nothing.
    ticks_left: u64,
    cpu_max: Duration,
    wall_max: Duration,
    wall_end: Instant,
}

impl Time {
    /// A budget that begins now.
    pub(super) fn new(cpu_max: Duration, wall_max: Duration) -> Self {
        let ticks = cpu_max.as_millis().div_ceil(TICK.as_millis());
        Self {
            // The first tick comes early, by up to a whole tick: it is not counted.
            ticks_left: u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1),
            cpu_max,
            wall_max,
            wall_end: Instant::now() + wall_max,
        }
    }

    /// Counts one tick of running: the guest lets its neighbours run and goes on, or is ended.
    pub(super) fn tick(&mut self) -> Result<UpdateDeadline, Stop> {
        let Some(left) = self.ticks_left.checked_sub(1) else { return Err(Stop::Cpu(self.cpu_max)) };
        if Instant::now() >= self.wall_end {
            return Err(Stop::Wall(self.wall_max));
        }
        self.ticks_left = left;
        Ok(UpdateDeadline::Yield(1))
    }
}

/// Memory and tables of an instance.
pub(super) struct Space {
    memory_bytes_max: usize,
    memory_bytes: usize,
    /// What the guest asked for and did not get, in bytes of memory in all; since the call began.
    pub(super) refused: Option<usize>,
}

impl Space {
    /// Of an instance that uses nothing yet.
    pub(super) fn new(limits: &Limits) -> Self {
        let memory_bytes_max = usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX);
        Self { memory_bytes_max, memory_bytes: 0, refused: None }
    }

    /// The most memory it may have, in bytes.
    pub(super) fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }
}

/// Unlike wasmtime's own `StoreLimits` this sums up all memories of a component, and remembers a refusal: a guest that
/// traps afterwards ran out of memory.
impl ResourceLimiter for Space {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_bytes_max {
            self.refused = Some(wanted);
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(self.refused.unwrap_or(self.memory_bytes));
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_a_guest_share_one_limit() {
        let mut space = Space::new(&Limits { memory_bytes_max: 3 << 16, ..Limits::default() });
        assert!(space.memory_growing(0, 2 << 16, None).unwrap());
        assert!(space.memory_growing(0, 1 << 16, None).unwrap());
        assert_eq!(space.refused, None);
        assert!(!space.memory_growing(1 << 16, 2 << 16, None).unwrap());
        assert_eq!(space.refused, Some(4 << 16));
    }

    #[tokio::test(start_paused = true)]
    async fn running_time_ends_before_wall_time() {
        let mut time = Time::new(Duration::from_millis(4), Duration::from_secs(1));
        assert!((0..3).all(|_| time.tick().is_ok()));
        assert!(matches!(time.tick(), Err(Stop::Cpu(_))));
        let mut time = Time::new(Duration::from_secs(1), Duration::from_millis(4));
        tokio::time::advance(Duration::from_millis(4)).await;
        assert!(matches!(time.tick(), Err(Stop::Wall(_))));
    }
}
