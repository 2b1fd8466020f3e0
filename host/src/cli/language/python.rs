//! Python: `componentize-py` puts the interpreter and the author's modules into one component.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{Language, files};

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
            name: "venv",
            check: "python3 -c 'import ensurepip, venv'",
            version_min: (0, 0),
            install: "install Python's module venv, for example: apt-get install python3-venv",
        },
        Tool {
            name: "componentize-py",
            check: "PATH=.venv/bin:$PATH componentize-py --version",
            version_min: (0, 25),
            install: "in the project: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
        },
    ],
    first: "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && ",
    taken: &["actor", "hydra-sdk", "test"],
    mark: "handler.py",
    template: files!(
        "guest-sdk/python/template/" => "":
        ".gitignore",
        "README.md",
        "actor.toml",
        "handler.py",
        "requirements.txt",
        "scenarios/adds.toml",
        "test_handler.py",
    ),
    sdk: files!(
        "guest-sdk/python/" => "hydra-sdk/":
        "README.md",
        "pyproject.toml",
        "src/hydra_sdk/__init__.py",
        "src/hydra_sdk/actor.py",
        "src/hydra_sdk/build.py",
        "src/hydra_sdk/check.py",
        "src/hydra_sdk/context.py",
        "src/hydra_sdk/describe.py",
        "src/hydra_sdk/export.py",
        "src/hydra_sdk/handling.py",
        "src/hydra_sdk/headers.py",
        "src/hydra_sdk/json_form.py",
        "src/hydra_sdk/message.py",
        "src/hydra_sdk/outcome.py",
        "src/hydra_sdk/py.typed",
        "src/hydra_sdk/report.py",
        "src/hydra_sdk/sandbox.py",
        "src/hydra_sdk/simulation.py",
        "src/hydra_sdk/testing.py",
        "src/hydra_sdk/turn.py",
        "src/hydra_sdk/wit/actor.wit",
    ),
    #[cfg(test)]
    origin: Origin {
        template: "guest-sdk/python/template",
        sdk: "guest-sdk/python",
        left_out: &["bindings", "check.sh", "conformance", "requirements.txt", "template", "tests"],
    },
};
