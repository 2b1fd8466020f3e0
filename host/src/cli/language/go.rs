//! Go: the stock compiler leaves a core module, of which `hydra build` makes a component.

use super::Tool;
use super::table::Language;
#[cfg(test)]
use super::table::Origin;

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
    template: &[],
    sdk: &[],
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/go/template", sdk: "guest-sdk/go", left_out: &["template", "tests"] },
};
