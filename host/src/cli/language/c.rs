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
                    { echo '#include <string.h>' | clang --target=wasm32-wasi -E - >/dev/null && clang --version; }",
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    fn is_found_with(program: Option<&str>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        if let Some(program) = program.map(|name| folder.path().join(name)) {
            std::fs::write(&program, "#!/bin/sh\necho 0.17.1\n").unwrap();
            std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let check = C.tools.first().unwrap().check;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", check]).env_clear().env("PATH", folder.path()).output().unwrap().status.success()
    }

    #[test]
    fn any_one_compiler_is_enough() {
        assert!(["zig", "python-zig", "python3", "clang"].iter().all(|program| is_found_with(Some(program))));
        assert!(!is_found_with(None));
    }
}
