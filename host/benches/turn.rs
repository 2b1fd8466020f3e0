//! What one turn costs inside the sandbox: a guest that reads its state, adds one and writes it back.
//!
//! Two baselines stand beside it in the same run: the same turn as a Rust closure behind the same `Handler`, which shows
//! the border, and the same core module on bare wasmtime, without the component model, limits or effects, which shows
//! the engine. No store takes part. Time per message: at 8 messages divide by 8, criterion's `thrpt` does.
#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot be set up says so and stops")]

#[path = "support/closure.rs"]
mod closure;
#[path = "support/native.rs"]
mod native;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hydra::message::{Headers, Message};
use hydra::wasm::{Handler, Input};
use hydra_tests::guest::Guest;
use hydra_tests::turns::{input, load, message, state_after};
use tokio::runtime::Runtime;

/// Messages of one activation.
const MESSAGES: [u64; 2] = [1, 8];

/// One activation: a fresh instance, and messages one after the other, each over the state that the last one left.
async fn activation(handler: &dyn Handler, message: &Message, messages: u64) -> Option<Bytes> {
    let mut instance = handler.instance(&message.to).await.expect("an instance");
    let mut state = None;
    for _ in 0..messages {
        let handled = instance.handle(Input { state: state.clone(), ..input(message) }).await;
        state = state_after(state, &handled);
    }
    state
}

/// The same module on wasmtime alone: pool and epochs as in the sandbox, host functions that do nothing.
struct Bare(wasmtime::Engine, wasmtime::InstancePre<()>);

impl Bare {
    fn new() -> Self {
        let mut pool = wasmtime::PoolingAllocationConfig::default();
        pool.linear_memory_keep_resident(1 << 20).pagemap_scan(wasmtime::Enabled::Auto);
        pool.total_memories(16).total_tables(16).total_stacks(16).max_memory_size(64 << 20);
        let mut config = wasmtime::Config::new();
        config.allocation_strategy(pool).epoch_interruption(true).concurrency_support(false);
        let engine = wasmtime::Engine::new(&config).expect("an engine");
        let bytes = wat::parse_str(Guest::counter().core()).expect("a module");
        let module = wasmtime::Module::new(&engine, bytes).expect("code");
        let mut linker = wasmtime::Linker::<()>::new(&engine);
        linker.func_wrap("hydra:actor/state@0.1.0", "get", |_: i32| {}).expect("state.get");
        linker.func_wrap("hydra:actor/state@0.1.0", "set", |_: i32, _: i32| {}).expect("state.set");
        let linked = linker.instantiate_pre(&module).expect("imports");
        Self(engine, linked)
    }

    async fn activation(&self, messages: u64) -> i32 {
        let mut store = wasmtime::Store::new(&self.0, ());
        store.set_epoch_deadline(1);
        let instance = self.1.instantiate_async(&mut store).await.expect("an instance");
        let name = "hydra:actor/handler@0.1.0#handle";
        let handle = instance.get_typed_func::<i32, i32>(&mut store, name).expect("handle");
        let mut result = 0;
        for _ in 0..messages {
            result = handle.call_async(&mut store, 1024).await.expect("a result");
        }
        result
    }
}

/// As the host's runtime for guests is set.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .global_queue_interval(1)
        .event_interval(1)
        .build()
        .expect("a runtime")
}

fn turns(criterion: &mut Criterion) {
    let runtime = runtime();
    let component = runtime.block_on(load(Guest::counter().build(), ""));
    let native = closure::handler();
    let bare = Bare::new();
    let headers = [("content-type", "application/json"), ("x-tenant", "example")];
    let headers = headers.map(|(name, value)| (name.into(), value.into())).to_vec();
    let message = Message { headers: Headers(headers), ..message("add", &[b'x'; 128]) };

    let mut group = criterion.benchmark_group("turn");
    for messages in MESSAGES {
        group.throughput(Throughput::Elements(messages));
        for (name, handler) in [("component", &component), ("closure", &native)] {
            group.bench_function(BenchmarkId::new(name, messages), |bencher| {
                bencher
                    .to_async(&runtime)
                    .iter(|| async { black_box(activation(&**handler, &message, messages).await) });
            });
        }
        group.bench_function(BenchmarkId::new("bare wasmtime", messages), |bencher| {
            bencher.to_async(&runtime).iter(|| async { black_box(bare.activation(messages).await) });
        });
    }
    group.finish();
}

criterion_group!(benches, turns);
criterion_main!(benches);
