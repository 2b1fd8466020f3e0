//! Builds small components for tests: hand-written core WebAssembly plus our contract, with no guest toolchain at all.
//! Used by the sandbox's tests and the turn benchmark.
//!
//! A guest is one function body, `handle`: it gets `$msg` (the message's address) and returns the address of a result.
//! The prelude offers `$done`, `$later`, `$reply (ptr len)` and `$failed (kind code-ptr code-len text-ptr text-len)`;
//! texts and scratch space lie between 256 and 8192, everything above belongs to the allocator.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up says so and stops")]

use std::fmt::Write as _;

use anyhow::Context as _;
use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract as it stands.
pub const CONTRACT: &str = include_str!("../../wit/actor.wit");

/// Where a message's fields lie, from `$msg` on: address and length of its body.
pub const BODY: (u32, u32) = (44, 48);

/// Core signatures of the host's functions, as the canonical ABI flattens them.
const CALLS: [(&str, &str); 16] = [
    ("runtime.self", "(param i32)"),
    ("runtime.log", "(param i32 i32 i32)"),
    ("runtime.now-ms", "(result i64)"),
    ("runtime.random", "(param i32 i32)"),
    ("runtime.config", "(param i32 i32 i32)"),
    ("state.get", "(param i32)"),
    ("state.set", "(param i32 i32)"),
    ("state.delete", ""),
    ("messaging.send", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)"),
    ("messaging.request", "(param i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32)"),
    ("messaging.answer", "(param i32 i32 i32 i32 i32 i32)"),
    ("messaging.publish", "(param i32 i32 i32 i32 i32 i32)"),
    ("messaging.subscribe", "(param i32 i32)"),
    ("messaging.unsubscribe", "(param i32 i32)"),
    ("timers.set", "(param i32 i32 i32 i64 i32 i32 i32 i32 i32 i32)"),
    ("timers.cancel", "(param i32 i32)"),
];

const PRELUDE: &str = r#"
  (global $top (mut i32) (i32.const 8192))
  (func $alloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits (loop $more
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
      unreachable))
    (local.get $at))
  (func $free (param i32) (global.set $top (i32.const 8192)))
  (func $done (result i32)
    (i32.store8 (i32.const 64) (i32.const 0))
    (i32.store8 (i32.const 72) (i32.const 0))
    (i32.const 64))
  (func $later (result i32)
    (drop (call $done))
    (i32.store8 (i32.const 72) (i32.const 2))
    (i32.const 64))
  (func $reply (param $body i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 64) (i32.const 0))
    (i32.store8 (i32.const 72) (i32.const 1))
    (i64.store align=4 (i32.const 76) (i64.const 0))
    (i32.store (i32.const 84) (local.get $body))
    (i32.store (i32.const 88) (local.get $len))
    (i32.const 64))
  (func $failed (param $kind i32) (param $code i32) (param $code-len i32) (param $text i32) (param $text-len i32)
    (result i32)
    (i32.store8 (i32.const 64) (i32.const 1))
    (i32.store8 (i32.const 72) (local.get $kind))
    (i32.store (i32.const 80) (local.get $code))
    (i32.store (i32.const 84) (local.get $code-len))
    (i32.store (i32.const 88) (local.get $text))
    (i32.store (i32.const 92) (local.get $text-len))
    (i32.store8 (i32.const 96) (i32.const 0))
    (i32.const 64))
"#;

/// A component in the making.
#[derive(Debug, Clone)]
pub struct Guest {
    wit: String,
    world: &'static str,
    version: &'static str,
    pages: u32,
    imports: String,
    fields: String,
    handle: String,
}

impl Guest {
    /// A guest whose `handle` has this body.
    #[must_use]
    pub fn new(handle: &str) -> Self {
        Self {
            wit: CONTRACT.into(),
            world: "actor",
            version: "0.1.0",
            pages: 1,
            imports: String::new(),
            fields: String::new(),
            handle: handle.into(),
        }
    }

    /// The guest of the benchmark: reads its state, a number, adds one, writes it and replies with it.
    #[must_use]
    pub fn counter() -> Self {
        Self::new(
            "(call $state.get (i32.const 256))
             (i64.store (i32.const 272) (i64.const 1))
             (if (i32.load8_u (i32.const 256))
               (then (i64.store (i32.const 272)
                 (i64.add (i64.load (i32.load (i32.const 260))) (i64.const 1)))))
             (call $state.set (i32.const 272) (i32.const 8))
             (call $reply (i32.const 272) (i32.const 8))",
        )
        .calls(&["state.get", "state.set"])
    }

    /// Imports functions of the contract, callable as `$INTERFACE.NAME`.
    ///
    /// # Panics
    /// When there is no such function.
    #[must_use]
    pub fn calls(mut self, names: &[&str]) -> Self {
        for name in names {
            let (_, signature) = CALLS.iter().find(|call| call.0 == *name).expect("a function of the contract");
            let (interface, function) = name.split_once('.').expect("INTERFACE.NAME");
            let interface = format!("hydra:actor/{interface}@{}", self.version);
            self = self.import(&interface, function, name, signature);
        }
        self
    }

    /// Imports any function under a name of choice.
    #[must_use]
    pub fn import(mut self, interface: &str, function: &str, name: &str, signature: &str) -> Self {
        let _ = writeln!(self.imports, "(import {interface:?} {function:?} (func ${name} {signature}))");
        self
    }

    /// Puts a text at an address.
    #[must_use]
    pub fn text(self, at: u32, text: &str) -> Self {
        self.with(&format!("(data (i32.const {at}) {text:?})"))
    }

    /// Adds fields to the core module.
    #[must_use]
    pub fn with(mut self, fields: &str) -> Self {
        self.fields += fields;
        self.fields.push('\n');
        self
    }

    /// Linear memory to begin with, in pages of 64 KiB. Default 1.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Claims another version of the contract. Call it first.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.wit = self.wit.replace("hydra:actor@0.1.0", &format!("hydra:actor@{version}"));
        self.version = version;
        self
    }

    /// Adds to the contract's text: further interfaces and packages, and a world that needs them.
    #[must_use]
    pub fn wit(mut self, more: &str, world: &'static str) -> Self {
        self.wit.push_str(more);
        self.world = world;
        self
    }

    /// Exports `lifecycle` with these function bodies. `migrate` gets `$from`, `$ptr` and `$len`.
    #[must_use]
    pub fn lifecycle(mut self, activated: &str, migrate: &str, describe: &str) -> Self {
        self.world = "full-actor";
        let name = format!("hydra:actor/lifecycle@{}", self.version);
        self.with(&format!(
            "(func (export \"{name}#activated\") {activated})
             (func (export \"{name}#migrate\") (param $from i32) (param $ptr i32) (param $len i32) (result i32) {migrate})
             (func (export \"{name}#describe\") (result i32) {describe})"
        ))
    }

    /// The core module as text.
    #[must_use]
    pub fn core(&self) -> String {
        let Self { imports, pages, fields, handle, version, .. } = self;
        format!(
            "(module {imports} (memory (export \"memory\") {pages}) {PRELUDE} {fields}
               (export \"cabi_post_hydra:actor/handler@{version}#handle\" (func $free))
               (func (export \"hydra:actor/handler@{version}#handle\") (param $msg i32) (result i32) {handle}))"
        )
    }

    /// The component.
    ///
    /// # Panics
    /// When the text is not WebAssembly or does not fit the contract: correct the test.
    #[must_use]
    pub fn build(&self) -> Bytes {
        self.try_build().unwrap_or_else(|error| panic!("{error:?}\n{}", self.core())).into()
    }

    fn try_build(&self) -> anyhow::Result<Vec<u8>> {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("actor.wit", &self.wit).context("read the contract")?;
        let world = resolve.select_world(&[package], Some(self.world)).context("find the world")?;
        let mut module = wat::parse_str(self.core()).context("read the module")?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
        ComponentEncoder::default().module(&module)?.validate(true).encode().context("make the component")
    }
}
