// The component's exports where there is no component: nothing. export_wasm.go is the real one.

//go:build !wasip1

package hydra

// Export makes a component of an actor: once, in func init of package main. Natively, as in a test, it does nothing.
func Export(New) {}
