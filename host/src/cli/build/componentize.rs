//! From a core module to a component, in process: compilers for Go and C leave a module, and their authors need no further tool.
//! Called by `verb` with what a build left. Never changes what the module does: it is wrapped.

use anyhow::{Context, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::Resolve;

/// The contract, as this host knows it.
const CONTRACT: &str = include_str!("../../../../wit/actor.wit");
/// What every SDK implements.
const WORLD: &str = "full-actor";

/// Makes a component. A module that does not say for which world it was built was built for ours.
///
/// # Errors
/// It does not export what the contract asks for, or imports what nobody offers: the text names it.
pub(super) fn component(mut core: Vec<u8>) -> Result<Vec<u8>> {
    let (plain, _) = metadata::decode(&core).context("read the core module")?;
    let says_its_world = plain.is_some();
    if !says_its_world {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("actor.wit", CONTRACT)?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false)?;
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        })
        .and_then(ComponentEncoder::encode)
        .context("make a component of the core module: is it built with the SDK, as a library (a reactor)?")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All exports of the world, doing nothing.
    const EXPORTS: &str = r#"
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
        (func (export "hydra:actor/handler@0.1.0#handle") (param i32) (result i32) i32.const 0)
        (func (export "hydra:actor/lifecycle@0.1.0#activated"))
        (func (export "hydra:actor/lifecycle@0.1.0#migrate") (param i32 i32 i32) (result i32) i32.const 0)
        (func (export "hydra:actor/lifecycle@0.1.0#describe") (result i32) i32.const 0)"#;

    fn of(text: &str) -> Result<Vec<u8>> {
        component(wat::parse_str(text).unwrap())
    }

    #[test]
    fn a_module_of_the_world_becomes_a_component() {
        let made = of(&format!("(module {EXPORTS})")).unwrap();
        assert_eq!(made.get(..8), Some(&b"\0asm\x0d\0\x01\0"[..]));
    }

    #[test]
    fn what_it_takes_from_wasi_comes_from_the_adapter() {
        let random = r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#;
        let made = of(&format!("(module {random} {EXPORTS})")).unwrap();
        let imports = hydra::wasm::Anatomy::of(&made).imports;
        assert!(imports.iter().any(|import| import.starts_with("wasi:random/random@0.2.")), "{imports:?}");
    }

    #[test]
    fn what_is_missing_or_strange_is_named() {
        let told = |text: &str| format!("{:#}", of(text).unwrap_err());
        assert!(told("(module)").contains("hydra:actor/"), "{}", told("(module)"));
        let strange = told(&format!(r#"(module (import "env" "puts" (func)) {EXPORTS})"#));
        assert!(strange.contains("env"), "{strange}");
    }
}
