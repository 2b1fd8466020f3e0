//! WASI 0.2 for guests that bring it along: everything links, nothing is there.
//! Beside `imports`: the clock and the random numbers are the turn's, what is printed becomes log lines.
//! Never gives a guest a file, a socket, an argument or an environment variable.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::guard::lock;
use crate::wasm::guest::Guest;
use crate::wasm::imports::random_bytes;
use crate::wasm::lines::{Lines, Stream};

/// Streams, pollables and other things that one instance may hold.
const RESOURCES_MAX: usize = 1_024;
/// Bytes that a guest may print at once.
const WRITE_BYTES_MAX: usize = 16 << 10;

/// Offers WASI 0.2 to components.
///
/// # Errors
/// Wasmtime's, when a name is taken: a fault of this program.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // These four would give every instance a clock and random numbers of its own; they are the turn's instead.
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    insecure::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    insecure_seed::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let lines = self.shared_lines();
        let (ctx, table) = self.wasi.get_or_insert_with(|| empty_context(&lines));
        WasiCtxView { ctx, table }
    }
}

fn empty_context(lines: &Arc<Mutex<Lines>>) -> (WasiCtx, ResourceTable) {
    let printed = |stream| Printed { lines: Arc::clone(lines), stream };
    let ctx = WasiCtxBuilder::new()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .stdout(printed(Stream::Output))
        .stderr(printed(Stream::Error))
        .monotonic_clock(SinceStart(Instant::now()))
        .build();
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES_MAX);
    (ctx, table)
}

/// Counts from the guest's first use of WASI, by tokio's clock: real time, except where a test has paused it.
struct SinceStart(Instant);

impl HostMonotonicClock for SinceStart {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        // Never 0, for which Go's runtime takes a broken clock: in virtual time no time passes before an instance starts.
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(self.resolution())
    }
}

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = Duration::from_millis(self.turn.now.0);
        Ok(wall_clock::Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(random_bytes(self, len)?)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(random_u64(self))
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(random_bytes(self, len)?)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(random_u64(self))
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((random_u64(self), random_u64(self)))
    }
}

fn random_u64(guest: &mut Guest) -> u64 {
    let mut bytes = [0; 8];
    guest.random(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Standard output or error: takes everything at once, keeps what the log has room for.
struct Printed {
    lines: Arc<Mutex<Lines>>,
    stream: Stream,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    /// Only WASI 0.3 asks for this one, which is not offered.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self { lines: Arc::clone(&self.lines), stream: self.stream })
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        lock(&self.lines).print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}
