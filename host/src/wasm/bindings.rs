//! The contract `wit/actor.wit` as Rust types and traits: the only place where they are generated.
//! Stands between `imports` and `instance` on our side and the component on the other.
//! Never written by hand and never seen outside `wasm`: `imports` and `instance` translate.
#![allow(missing_docs, unreachable_pub, reason = "generated code; its documentation is wit/actor.wit")]
#![allow(unsafe_code, reason = "the generator names typed functions that it has just checked")]

// The larger world: its interfaces are looked up one by one, so that `lifecycle` stays optional.
wasmtime::component::bindgen!({
    path: "../wit/actor.wit",
    world: "full-actor",
    // No host function waits, so none is async; each may end the turn.
    imports: { default: trappable },
    exports: { default: async },
});
