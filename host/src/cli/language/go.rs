//! Go: the stock compiler leaves a core module, of which `hydra build` makes a component.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{Language, files};

pub(super) const GO: Language = Language {
    name: "go",
    tools: &[Tool {
        name: "go",
        check: "go version",
        version_min: (1, 24),
        install: "install Go 1.24 or newer from https://go.dev/dl/",
    }],
    first: "",
    taken: &["hydra-sdk", "main", "test"],
    mark: "go.mod",
    template: files!(
        "guest-sdk/go/template/" => "":
        ".gitignore",
        "README.md",
        "actor.toml",
        "go.mod",
        "main.go",
        "main_test.go",
        "scenarios/adds.toml",
    ),
    sdk: files!(
        "guest-sdk/go/" => "hydra-sdk/":
        "README.md",
        "go.mod",
        "hydra/actor.go",
        "hydra/context.go",
        "hydra/describe.go",
        "hydra/export_native.go",
        "hydra/export_wasm.go",
        "hydra/garbage_wasm.go",
        "hydra/host.go",
        "hydra/host_wasm.go",
        "hydra/message.go",
        "hydra/outcome.go",
        "hydra/turn.go",
        "hydratest/harness.go",
        "hydratest/harness_test.go",
        "hydratest/simulated.go",
        "internal/bindings/exports/export_hydra_actor_handler/handler.go",
        "internal/bindings/exports/export_hydra_actor_lifecycle/lifecycle.go",
        "internal/bindings/exports/wit_exports/wit_exports.go",
        "internal/bindings/imports/hydra_actor_handler/empty.s",
        "internal/bindings/imports/hydra_actor_handler/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_lifecycle/empty.s",
        "internal/bindings/imports/hydra_actor_lifecycle/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_messaging/empty.s",
        "internal/bindings/imports/hydra_actor_messaging/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_runtime/empty.s",
        "internal/bindings/imports/hydra_actor_runtime/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_state/empty.s",
        "internal/bindings/imports/hydra_actor_state/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_timers/empty.s",
        "internal/bindings/imports/hydra_actor_timers/wit_bindings.go",
        "internal/bindings/imports/hydra_actor_types/empty.s",
        "internal/bindings/imports/hydra_actor_types/wit_bindings.go",
        "internal/wit/LICENSE",
        "internal/wit/runtime/empty.s",
        "internal/wit/runtime/runtime.go",
        "internal/wit/types/option.go",
        "internal/wit/types/result.go",
        "internal/wit/types/tuple.go",
        "internal/wit/types/unit.go",
        "wit/actor.wit",
    ),
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/go/template", sdk: "guest-sdk/go", left_out: &["conformance", "template"] },
};
