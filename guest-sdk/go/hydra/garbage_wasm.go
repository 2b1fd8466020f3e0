// When garbage is collected in the sandbox: between turns, never by itself. Called by export_wasm.go.

//go:build wasip1

package hydra

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A collection that starts by itself may start while the host puts bytes into the guest's memory, where no import may be
// called; the collector calls one for the time of day, and the instance is lost ("cannot leave component instance"). So the
// SDK collects itself, between turns, once so many bytes were allocated.

// collectEveryBytes bounds what a collection leaves to the next: enough to be rare, little beside a 16 MiB limit.
const collectEveryBytes = 1 << 20

var (
	allocated     = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	allocatedThen uint64
)

func init() { debug.SetGCPercent(-1) }

func collectGarbage() {
	metrics.Read(allocated)
	if now := allocated[0].Value.Uint64(); now-allocatedThen > collectEveryBytes {
		runtime.GC()
		allocatedThen = now
	}
}
