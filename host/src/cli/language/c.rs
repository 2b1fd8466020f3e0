//! C: `zig cc`, or clang with wasi-libc, leaves a core module, of which `hydra build` makes a component.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{Language, files};

pub(super) const C: Language = Language {
    name: "c",
    tools: &[
        Tool {
            name: "C compiler for WebAssembly",
            check: "zig version || python-zig version || python3 -m ziglang version || \
                    echo '#include <string.h>' | clang --target=wasm32-wasi -E - >/dev/null && clang --version",
            version_min: (0, 0),
            install: "pip install ziglang==0.17.1, or install clang with wasi-libc",
        },
        Tool {
            name: "cc",
            check: "cc --version",
            version_min: (0, 0),
            install: "install a C compiler, for tests: gcc or clang",
        },
    ],
    first: "",
    taken: &["hydra-sdk", "test"],
    mark: "actor.c",
    template: files!(
        "guest-sdk/c/template/" => "":
        ".gitignore",
        "README.md",
        "actor.c",
        "actor.toml",
        "actor_test.c",
        "scenarios/adds.toml",
    ),
    sdk: files!(
        "guest-sdk/c/" => "hydra-sdk/":
        "README.md",
        "bindings/full_actor.c",
        "bindings/full_actor.h",
        "build.sh",
        "hydra.c",
        "hydra.h",
        "hydra_test.c",
        "hydra_test.h",
        "internal.h",
        "json.c",
        "sandbox.c",
        "test.sh",
        "wit/actor.wit",
    ),
    #[cfg(test)]
    origin: Origin {
        template: "guest-sdk/c/template",
        sdk: "guest-sdk/c",
        left_out: &["conformance", "template", "tests"],
    },
};
