//! What can be told about a component without running it: size, kind of file, version, imports, exports.
//! First gate of a deploy: `sandbox` asks before and after compiling, `component` links what passes.
//! PURE. Never guesses: what is not on the list of allowed imports is refused by name.

use crate::wasm::refusal::{Refusal, code};

/// The package that this host offers and expects.
const PACKAGE: &str = "hydra:actor";
/// The version of [`PACKAGE`] in `wit/actor.wit`.
pub(super) const VERSION: &str = "0.1.0";
/// Versions of [`PACKAGE`] with this beginning are compatible.
const TRACK: &str = "0.1";
/// The interface that every component exports.
const HANDLER: &str = "handler";
/// The interface that it may export.
const LIFECYCLE: &str = "lifecycle";
/// The interfaces of [`PACKAGE`] that a component may import.
const INTERFACES: [&str; 5] = ["types", "runtime", "state", "messaging", "timers"];
/// The packages of WASI that a component may import; the context behind them is empty.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Versions of WASI with this beginning are compatible.
const WASI_TRACK: &str = "0.2";
/// First bytes of every WebAssembly file.
const MAGIC: &[u8] = b"\0asm";
/// The next bytes of a core module.
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];

/// Checks size and kind of an uploaded file.
pub(super) fn check_bytes(bytes: &[u8], bytes_max: usize) -> Result<(), Refusal> {
    if bytes.len() > bytes_max {
        let reason = format!(
            "the component is {} bytes, limit {bytes_max} (http.component_bytes_max): strip it, or raise the limit",
            bytes.len()
        );
        return Err(Refusal::new(code::TOO_LARGE, reason));
    }
    let Some(version) = bytes.strip_prefix(MAGIC) else {
        let reason = "not a WebAssembly file: it must be a component in the binary format, such as the .wasm that \
                      `cargo build --target wasm32-wasip2` writes";
        return Err(Refusal::new(code::NOT_WASM, reason));
    };
    if version.starts_with(CORE_MODULE) {
        let reason =
            "a core module, not a component: `hydra build` makes one of it, and so does the target wasm32-wasip2";
        return Err(Refusal::new(code::CORE_MODULE, reason));
    }
    Ok(())
}

/// Checks the names of all that a component imports.
pub(super) fn check_imports<'a>(imports: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    for import in imports {
        let name = Name::parse(import);
        match name.package {
            PACKAGE if !name.is_on(TRACK) => return Err(wrong_version("imports", import)),
            PACKAGE if INTERFACES.contains(&name.interface) => {}
            package if is_wasi(package) && name.is_on(WASI_TRACK) => {}
            _ => return Err(unknown_import(import)),
        }
    }
    Ok(())
}

/// What a component offers, found by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exports {
    /// Whether it exports `lifecycle` too.
    pub(super) lifecycle: bool,
}

/// Checks that a component exports the handler in our version. What else it exports is tolerated and never called.
pub(super) fn check_exports<'a>(exports: impl Iterator<Item = &'a str>) -> Result<Exports, Refusal> {
    let exports: Vec<&str> = exports.collect();
    let find = |interface: &str| {
        let ours = exports.iter().filter(|export| {
            let name = Name::parse(export);
            name.package == PACKAGE && name.interface == interface
        });
        let (good, other): (Vec<&str>, Vec<&str>) = ours.partition(|export| Name::parse(export).is_on(TRACK));
        if good.is_empty() && !other.is_empty() {
            return Err(wrong_version("exports", other.first().copied().unwrap_or_default()));
        }
        Ok(!good.is_empty())
    };
    if find(HANDLER)? {
        return Ok(Exports { lifecycle: find(LIFECYCLE)? });
    }
    let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
    let reason = format!(
        "the component does not export {PACKAGE}/{HANDLER}@{VERSION}, which handles messages; it exports {found}: build \
         it for the world {PACKAGE}/actor"
    );
    Err(Refusal::new(code::MISSING_EXPORT, reason))
}

/// An import's or export's name, `PACKAGE/INTERFACE@VERSION`; parts that are missing are empty.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Self {
        let (path, version) = text.split_once('@').unwrap_or((text, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        Self { package, interface, version }
    }

    /// Whether the version is `TRACK.N`, with nothing behind: pre-releases are compatible with nothing.
    fn is_on(&self, track: &str) -> bool {
        let patch = self.version.strip_prefix(track).and_then(|rest| rest.strip_prefix('.'));
        patch.is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

fn is_wasi(package: &str) -> bool {
    package.strip_prefix("wasi:").is_some_and(|package| WASI.contains(&package))
}

fn wrong_version(verb: &str, name: &str) -> Refusal {
    let reason = format!(
        "the component {verb} {name}, this host offers {PACKAGE}@{VERSION}: versions {TRACK}.x fit; build it with an SDK \
         for {TRACK}, or deploy it to a host that offers its version"
    );
    Refusal::new(code::WORLD_VERSION, reason)
}

fn unknown_import(name: &str) -> Refusal {
    let cure = match name.starts_with("wasi:http/") {
        true => " (JavaScript: build without the features http and fetch-event, or for QuickJS)",
        false => "",
    };
    let reason = format!(
        "the component imports {name}, which guests do not get{cure}. Allowed are {PACKAGE}/{{{}}}@{TRACK}.x and \
         wasi:{{{}}} in version {WASI_TRACK}.x, without files, network or environment",
        INTERFACES.join(", "),
        WASI.join(", "),
    );
    Refusal::new(code::UNKNOWN_IMPORT, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(name: &str) -> Result<(), &'static str> {
        check_imports([name].into_iter()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn only_listed_imports_pass() {
        for good in ["hydra:actor/types@0.1.0", "hydra:actor/state@0.1.17", "wasi:io/poll@0.2.6"] {
            assert_eq!(imports(good), Ok(()), "{good}");
        }
        let unknown = [
            "wasi:http/types@0.2.0",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll",
            "hydra:actor/secrets@0.1.0",
            "hydra:actorx/state@0.1.0",
            "env",
            "",
            "@0.1.0",
        ];
        for bad in unknown {
            assert_eq!(imports(bad), Err(code::UNKNOWN_IMPORT), "{bad}");
        }
        for other in ["0.2.0", "1.0.0", "0.1", "0.1.", "0.1.0-rc1", "0.10.0", ""] {
            assert_eq!(imports(&format!("hydra:actor/state@{other}")), Err(code::WORLD_VERSION), "{other}");
        }
    }

    #[test]
    fn the_version_is_the_one_in_the_contract() {
        let contract = include_str!("../../../wit/actor.wit");
        assert!(contract.contains(&format!("package {PACKAGE}@{VERSION};")));
        assert!(VERSION.starts_with(TRACK));
    }

    #[test]
    fn exports_of_toolchains_are_tolerated() {
        let found = check_exports(["exports", "hydra:actor/handler@0.1.3", "hydra:actor/handler@0.2.0"].into_iter());
        assert_eq!(found, Ok(Exports { lifecycle: false }));
        let found = check_exports(["hydra:actor/lifecycle@0.1.0", "hydra:actor/handler@0.1.0"].into_iter());
        assert_eq!(found, Ok(Exports { lifecycle: true }));
        let refused = check_exports(["hydra:actor/handler@0.2.0"].into_iter()).unwrap_err();
        assert!(refused.reason.contains("@0.2.0") && refused.reason.contains("@0.1.0"));
        assert_eq!(check_exports(["init"].into_iter()).unwrap_err().code, code::MISSING_EXPORT);
    }
}
