//! What a component says about itself without being run: language, tools, imports, memory; and the traps it walks into.
//! Read when a component is built and when it is deployed, to be told beside the result. PURE.
//! Never decides whether a component is taken: that is `admission`. What cannot be read is left out, never guessed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentImportSectionReader, KnownCustom, Parser, Payload, ProducersSectionReader, TypeRef};

/// Bytes of a page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;
/// Names that are kept of one kind; a component can carry any number.
const NAMES_MAX: usize = 64;
/// What every SDK writes into its components, before its version.
const SDK_MARK: &[u8] = b"hydra-sdk-";
/// Longest name of an SDK with its version.
const SDK_BYTES_MAX: usize = 32;
/// Languages by what their tools leave in a component; the first that is found. Engines are themselves written in another
/// language, so theirs come first.
const LANGUAGES: [(&str, &[&str]); 6] = [
    (PYTHON, &["componentize-py", "componentize_py"]),
    (QUICKJS, &["componentize-qjs", "componentize_qjs"]),
    (STARLINGMONKEY, &["ComponentizeJS", "componentize-js", "StarlingMonkey"]),
    (GO, &["Go cmd/compile"]),
    (RUST, &["wit-bindgen-rust", "rustc"]),
    ("C", &["hydra-sdk-c/", "wit-bindgen-c", "clang"]),
];
const PYTHON: &str = "Python";
const QUICKJS: &str = "JavaScript (QuickJS)";
const STARLINGMONKEY: &str = "JavaScript (StarlingMonkey)";
const GO: &str = "Go";
const RUST: &str = "Rust";

/// What a component is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Anatomy {
    /// The language that it was written in, as far as its tools left their names.
    pub language: Option<String>,
    /// Those tools with their versions, as in `Go cmd/compile go1.26.8`.
    pub tools: Vec<String>,
    /// The SDK with its version, as in `hydra-sdk-go 0.1.0`.
    pub sdk: Option<String>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Linear memory that an instance has from the start, in bytes.
    pub memory_bytes: u64,
}

impl Anatomy {
    /// Reads a component, or a core module. Damaged bytes are read as far as they go.
    #[must_use]
    pub fn of(wasm: &[u8]) -> Self {
        let mut anatomy = Self::default();
        let mut tools = BTreeSet::new();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => anatomy.imports.extend(imports(section)),
                Payload::ImportSection(section) => {
                    let imports = section.into_imports().map_while(Result::ok);
                    let own = imports.filter(|import| matches!(import.ty, TypeRef::Func(_)));
                    let modules: BTreeSet<&str> = own.map(|import| import.module).collect();
                    if depth == 0 {
                        anatomy.imports.extend(modules.into_iter().take(NAMES_MAX).map(String::from));
                    }
                }
                Payload::MemorySection(section) => {
                    let pages = section.into_iter().map_while(Result::ok).map(|memory| memory.initial);
                    let bytes = pages.fold(0_u64, |sum, pages| sum.saturating_add(pages.saturating_mul(PAGE_BYTES)));
                    anatomy.memory_bytes = anatomy.memory_bytes.saturating_add(bytes);
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        tools.extend(produced_by(producers));
                    }
                }
                _ => {}
            }
        }
        let named = |mark: &&str| tools.iter().any(|tool| tool.contains(*mark)) || contains(wasm, mark.as_bytes());
        let language = LANGUAGES.iter().find(|(_, marks)| marks.iter().any(named));
        if let Some((name, marks)) = language {
            anatomy.language = Some((*name).to_owned());
            let own = |tool: &String| marks.iter().any(|mark| tool.starts_with(mark));
            anatomy.tools = tools.iter().filter(|tool| own(tool)).take(NAMES_MAX).cloned().collect();
        }
        anatomy.sdk = sdk(wasm);
        anatomy
    }

    /// Traps that this component walks into, each with its cure. `memory_bytes_max` is the limit of its manifest.
    #[must_use]
    pub fn warnings(&self, memory_bytes_max: u64) -> Vec<String> {
        let language = self.language.as_deref().unwrap_or_default();
        let mut warnings = Vec::new();
        // What does not fit at all is refused by the probe.
        if self.memory_bytes > memory_bytes_max / 4 * 3 && self.memory_bytes <= memory_bytes_max {
            warnings.push(format!(
                "an instance begins with {} KiB of memory, limit {} KiB: little is left to grow. Raise \
                 limits.memory_bytes_max in actor.toml, or reserve less (C: -Wl,-z,stack-size=65536)",
                self.memory_bytes >> 10,
                memory_bytes_max >> 10,
            ));
        }
        if let Some(trap) = self.trap_of(language) {
            warnings.push(trap.to_owned());
        }
        warnings
    }

    fn trap_of(&self, language: &str) -> Option<&'static str> {
        let imports = |package: &str| self.imports.iter().any(|import| import.starts_with(package));
        match language {
            GO if self.sdk.is_none() => Some(
                "Go without hydra-sdk-go: a garbage collection that starts while the host hands over bytes traps (\"cannot \
                 leave component instance\"). Use the SDK, or debug.SetGCPercent(-1) and runtime.GC() between turns",
            ),
            QUICKJS if self.sdk.is_none() => Some(
                "QuickJS without the SDK: Math.random() is baked in at build and equal in every instance. Use the SDK, or \
                 seed from hydra:actor/runtime random",
            ),
            STARLINGMONKEY if !imports("wasi:clocks") => Some(
                "StarlingMonkey without clocks: Date.now() stands still at the time of the build. Build it with the feature \
                 clocks, or take the time from hydra:actor/runtime now-ms",
            ),
            STARLINGMONKEY => Some(
                "StarlingMonkey's memory grows with every message: raise limits.memory_bytes_max in actor.toml, or build for \
                 QuickJS",
            ),
            PYTHON if !imports("wasi:random") => Some(
                "componentize-py with --stub-wasi: random is seeded at build, and os.urandom, time.time and print trap. Build \
                 without --stub-wasi",
            ),
            _ => None,
        }
    }
}

fn imports(section: ComponentImportSectionReader<'_>) -> impl Iterator<Item = String> {
    section.into_iter().map_while(Result::ok).take(NAMES_MAX).map(|import| import.name.name.to_owned())
}

/// `NAME VERSION` of every language and tool.
fn produced_by(section: ProducersSectionReader<'_>) -> Vec<String> {
    let fields = section.into_iter().map_while(Result::ok).filter(|field| field.name != "sdk");
    let values = fields.flat_map(|field| field.values.into_iter().map_while(Result::ok));
    let named =
        values.filter(|value| !value.version.is_empty()).map(|value| format!("{} {}", value.name, value.version));
    named.take(NAMES_MAX).collect()
}

/// `hydra-sdk-LANGUAGE/VERSION`, as every SDK has it in its memory, with the next byte no part of it.
fn sdk(wasm: &[u8]) -> Option<String> {
    let places = find_all(wasm, SDK_MARK);
    places.filter_map(|at| sdk_at(wasm.get(at..)?)).next()
}

fn sdk_at(bytes: &[u8]) -> Option<String> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-./".contains(byte);
    let name: Vec<u8> = bytes.iter().copied().take(SDK_BYTES_MAX).take_while(part).collect();
    let (language, version) = std::str::from_utf8(&name).ok()?.split_once('/')?;
    version.starts_with(|letter: char| letter.is_ascii_digit()).then(|| format!("{language} {version}"))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    find_all(bytes, wanted).next().is_some()
}

fn find_all<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(bytes, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Anatomy {
        Anatomy::of(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn tools_imports_and_memory_are_read() {
        let read = of(r#"(component
            (import "wasi:clocks/wall-clock@0.2.6" (instance))
            (core module (memory 2) (data "hydra-sdk-go/0.1.0\" and more")
                (@producers (language "Go" "go1.26.8") (processed-by "Go cmd/compile" "go1.26.8")))
            (core module (import "x" "memory" (memory 9)) (memory 1)
                (@producers (processed-by "wit-component" "0.263.0"))))"#);
        assert_eq!(read.language.as_deref(), Some("Go"));
        assert_eq!(read.tools, ["Go cmd/compile go1.26.8"]);
        assert_eq!(read.sdk.as_deref(), Some("hydra-sdk-go 0.1.0"));
        assert_eq!(read.imports, ["wasi:clocks/wall-clock@0.2.6"]);
        assert_eq!(read.memory_bytes, 3 * PAGE_BYTES);
        assert_eq!(read.warnings(16 << 20), [""; 0]);
    }

    #[test]
    fn each_trap_has_its_cure() {
        let told = |text: &str| of(text).warnings(16 << 20).join("\n");
        let go = r#"(component (core module (@producers (processed-by "Go cmd/compile" "go1.26.8"))))"#;
        assert!(told(go).contains("hydra-sdk-go"));
        assert!(told(r#"(component (core module (memory 257)))"#).is_empty(), "refused by the probe");
        assert!(told(r#"(component (core module (memory 250)))"#).contains("memory_bytes_max"));
        let script = |mark: &str| format!(r#"(component (core module (memory 1) (data "{mark}")))"#);
        assert!(told(&script("componentize-qjs")).contains("Math.random"));
        assert!(told(&script("StarlingMonkey")).contains("Date.now"));
        assert!(told(&script("componentize-py")).contains("--stub-wasi"));
        assert!(told(&script("componentize-qjs hydra-sdk-js/0.1.0 ")).is_empty());
    }

    #[test]
    fn what_is_no_component_has_no_anatomy() {
        for bytes in [&b""[..], b"half a compo", b"\0asm\x0d\0\x01\0\x01\xff\xff"] {
            assert_eq!(Anatomy::of(bytes), Anatomy::default());
        }
    }
}
