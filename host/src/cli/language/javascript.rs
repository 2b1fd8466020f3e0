//! JavaScript and TypeScript: one SDK, two templates; `componentize-qjs` puts QuickJS and the author's modules into one component.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{File, Language, files};

const TOOLS: &[Tool] = &[
    Tool { name: "node", check: "node --version", version_min: (20, 0), install: "install Node.js 20 or newer" },
    Tool { name: "npm", check: "npm --version", version_min: (0, 0), install: "install npm, which comes with Node.js" },
];
const SDK: &[File] = files!(
    "guest-sdk/js/" => "hydra-sdk/":
    "README.md",
    "bin/hydra-build.js",
    "package.json",
    "src/actor-id.js",
    "src/actor.js",
    "src/bytes.js",
    "src/component/contract.d.ts",
    "src/component/exports.js",
    "src/component/globals.js",
    "src/component/host.js",
    "src/component/text.js",
    "src/console.js",
    "src/context.js",
    "src/describe.js",
    "src/headers.js",
    "src/host.js",
    "src/index.js",
    "src/message.js",
    "src/outcome.js",
    "src/random.js",
    "src/simulated.js",
    "src/testing.js",
    "src/turn.js",
    "types/actor-id.d.ts",
    "types/actor.d.ts",
    "types/bytes.d.ts",
    "types/console.d.ts",
    "types/context.d.ts",
    "types/describe.d.ts",
    "types/headers.d.ts",
    "types/host.d.ts",
    "types/index.d.ts",
    "types/message.d.ts",
    "types/outcome.d.ts",
    "types/random.d.ts",
    "types/simulated.d.ts",
    "types/testing.d.ts",
    "types/turn.d.ts",
    "wit/actor.wit",
);
const TAKEN: &[&str] = &["hydra-sdk", "node-modules"];

pub(super) const JAVASCRIPT: Language = Language {
    name: "js",
    tools: TOOLS,
    first: "npm ci && ",
    taken: TAKEN,
    mark: "package.json",
    template: files!(
        "guest-sdk/js/template/" => "":
        ".gitignore",
        ".npmrc",
        "README.md",
        "actor.toml",
        "package-lock.json",
        "package.json",
        "scenarios/adds.toml",
        "src/actor.js",
        "test/actor.test.js",
    ),
    sdk: SDK,
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/js/template", sdk: "guest-sdk/js", left_out: LEFT_OUT },
};

pub(super) const TYPESCRIPT: Language = Language {
    name: "ts",
    tools: TOOLS,
    first: "npm ci && ",
    taken: TAKEN,
    mark: "tsconfig.json",
    template: files!(
        "guest-sdk/js/template-ts/" => "":
        ".gitignore",
        ".npmrc",
        "README.md",
        "actor.toml",
        "package-lock.json",
        "package.json",
        "scenarios/adds.toml",
        "src/actor.ts",
        "test/actor.test.ts",
        "tsconfig.json",
    ),
    sdk: SDK,
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/js/template-ts", sdk: "guest-sdk/js", left_out: LEFT_OUT },
};

/// What checks the SDK and makes its types, which no project does.
#[cfg(test)]
const LEFT_OUT: &[&str] = &[
    ".npmrc",
    "check.sh",
    "conformance",
    "package-lock.json",
    "template",
    "template-ts",
    "test",
    "tsconfig.json",
    "tsconfig.types.json",
];
