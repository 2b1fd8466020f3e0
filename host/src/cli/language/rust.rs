//! Rust: `cargo` builds a component by itself.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{Language, files};

pub(super) const RUST: Language = Language {
    name: "rust",
    tools: &[
        Tool {
            name: "cargo",
            check: "cargo --version",
            version_min: (1, 95),
            install: "install rustup from https://rustup.rs, then: rustup toolchain install stable",
        },
        Tool {
            name: "wasm32-wasip2",
            check: r#"test -d "$(rustc --print target-libdir --target wasm32-wasip2)""#,
            version_min: (0, 0),
            install: "rustup target add wasm32-wasip2",
        },
    ],
    first: "",
    taken: &["serde", "hydra-sdk", "wit-bindgen", "test", "core", "std", "alloc"],
    mark: "Cargo.toml",
    template: files!(
        "guest-sdk/rust/template/" => "":
        ".gitignore", "Cargo.toml", "Cargo.lock", "README.md", "actor.toml", "scenarios/adds.toml", "src/lib.rs",
    ),
    sdk: files!(
        "guest-sdk/rust/" => "hydra-sdk/":
        "Cargo.toml",
        "README.md",
        "src/actor.rs",
        "src/bindings.rs",
        "src/call.rs",
        "src/context.rs",
        "src/describe.rs",
        "src/export.rs",
        "src/lib.rs",
        "src/message.rs",
        "src/outcome.rs",
        "src/test.rs",
        "src/test/waits.rs",
        "src/timer.rs",
        "src/turn.rs",
        "src/host/mod.rs",
        "src/host/simulated.rs",
        "src/host/wasm.rs",
        "wit/actor.wit",
    ),
    #[cfg(test)]
    origin: Origin {
        template: "guest-sdk/rust/template",
        sdk: "guest-sdk/rust",
        left_out: &["Cargo.lock", "conformance", "template", "tests"],
    },
};
