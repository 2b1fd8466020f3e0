//! The WebAssembly engine: its settings, its pool of instances, and the queue in front of the pool.
//! Made once per host by `sandbox`; `component` and `instance` take their slots here.
//! Never knows a component: what is the same for all guests is here, what differs is in `budget`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::wasm::budget::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::wasm::sandbox::Error;
use crate::wasm::ticker::Ticker;

/// The most memory that any guest can have, in bytes; a manifest asks for less.
pub(super) const MEMORY_BYTES_MAX: usize = 64 << 20;
/// Tables in the pool per slot.
const TABLES_PER_SLOT: u32 = 4;
/// Memory maps that a slot of the pool costs, measured and rounded up.
const MAPS_PER_SLOT: u32 = 6;
/// What Linux allows a process by default, assumed where the system does not tell.
const MAPS_DEFAULT: u32 = 65_530;
/// WebAssembly frames of a backtrace.
const FRAMES_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// The engine with everything that all its guests share.
pub(super) struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) ticker: Ticker,
    slots: Arc<Semaphore>,
    slots_max: u32,
}

/// A share of the pool; given back when dropped, so it must outlive the store that uses it.
pub(super) type Slots = OwnedSemaphorePermit;

impl Engine {
    /// Reserves address space for this many instances, or for as many as the system's limit of memory maps allows.
    pub(super) fn new(instances_max: u32) -> Result<Self, Error> {
        let slots_max = affordable(instances_max, maps_max());
        if slots_max < instances_max {
            tracing::warn!(instances_max, slots_max, "vm.max_map_count is too low for sandbox.instances_max");
        }
        let wasmtime = wasmtime::Engine::new(&config(slots_max))
            .map_err(|error| Error::Engine { slots: slots_max, source: error.into_boxed_dyn_error() })?;
        let ticker = Ticker::start(wasmtime.clone()).map_err(|source| Error::Ticker { source })?;
        Ok(Self { wasmtime, ticker, slots: Arc::new(Semaphore::new(slots_max as usize)), slots_max })
    }

    /// How many slots one instance of this component takes; none when the whole pool is too small for it.
    pub(super) fn slots_of(&self, component: &wasmtime::component::Component) -> Option<u32> {
        let needs = component.resources_required()?;
        let slots = needs.num_memories.max(needs.num_tables.div_ceil(TABLES_PER_SLOT)).max(1);
        (slots <= self.slots_max).then_some(slots)
    }

    /// Places of the pool that are taken, and all of them.
    pub(super) fn usage(&self) -> (usize, usize) {
        let all = usize::try_from(self.slots_max).unwrap_or(usize::MAX);
        (all.saturating_sub(self.slots.available_permits()), all)
    }

    /// Waits until the pool has room. None when the host ends.
    pub(super) async fn take_slots(&self, slots: u32) -> Option<Slots> {
        Arc::clone(&self.slots).acquire_many_owned(slots).await.ok()
    }
}

fn config(slots: u32) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)))
        // Interruption by a ticking counter; fuel would cost every instruction.
        .epoch_interruption(true)
        .consume_fuel(false)
        // Nothing in the contract is concurrent, and the machinery for it doubles the price of a call.
        .concurrency_support(false)
        // Nothing of what a fault says may depend on the host's environment.
        .wasm_backtrace_max_frames(Some(FRAMES_MAX))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .max_wasm_stack(256 << 10)
        .async_stack_size(512 << 10)
        .async_stack_zeroing(true)
        .memory_init_cow(true)
        .wasm_memory64(false);
    config
}

/// Memory is kept resident between instances up to what ordinary guests touch: zeroing it is cheaper than faulting.
fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(slots)
        // Only a counter, so the largest component fits in every slot.
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(TABLES_PER_SLOT))
        .total_stacks(slots)
        .max_memory_size(MEMORY_BYTES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(32 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(64);
    pool
}

/// A quarter of all maps is left to the rest of the process.
fn affordable(instances_max: u32, maps_max: u32) -> u32 {
    instances_max.min((maps_max - maps_max / 4) / MAPS_PER_SLOT).max(1)
}

/// How many memory maps the system allows this process.
fn maps_max() -> u32 {
    let told = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    told.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(MAPS_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_fits_the_systems_memory_maps() {
        assert_eq!(affordable(256, 65_530), 256);
        assert_eq!(affordable(4_096, 8_000), 1_000);
        assert_eq!(affordable(4_096, 0), 1);
    }
}
