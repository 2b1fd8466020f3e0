//! C: `zig cc`, or clang with wasi-libc, leaves a core module, of which `hydra build` makes a component.

use super::Tool;
use super::table::Language;
#[cfg(test)]
use super::table::Origin;

pub(super) const C: Language = Language {
    name: "c",
    tools: &[],
    first: "",
    taken: &["hydra-sdk", "test"],
    mark: "build.sh",
    template: &[],
    sdk: &[],
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/c/template", sdk: "guest-sdk/c", left_out: &["template", "tests"] },
};
