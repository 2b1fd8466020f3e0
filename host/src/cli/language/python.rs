//! Python: `componentize-py` puts the interpreter and the author's modules into one component.

use super::Tool;
use super::table::Language;
#[cfg(test)]
use super::table::Origin;

pub(super) const PYTHON: Language = Language {
    name: "python",
    tools: &[
        Tool {
            name: "python3",
            check: "python3 --version",
            version_min: (3, 11),
            install: "install Python 3.11 or newer",
        },
        Tool {
            name: "componentize-py",
            check: "componentize-py --version",
            version_min: (0, 25),
            install: "pip install componentize-py==0.25.1",
        },
    ],
    first: "",
    taken: &["actor", "hydra-sdk", "test"],
    mark: "pyproject.toml",
    template: &[],
    sdk: &[],
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/python/template", sdk: "guest-sdk/python", left_out: &["template", "tests"] },
};
