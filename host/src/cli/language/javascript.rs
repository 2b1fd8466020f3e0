//! JavaScript and TypeScript: one SDK, two templates; `componentize-qjs` puts QuickJS and the author's modules into one component.

use super::Tool;
#[cfg(test)]
use super::table::Origin;
use super::table::{File, Language};

const TOOLS: &[Tool] = &[
    Tool { name: "node", check: "node --version", version_min: (20, 0), install: "install Node.js 20 or newer" },
    Tool { name: "npm", check: "npm --version", version_min: (0, 0), install: "install npm, which comes with Node.js" },
];
const SDK: &[File] = &[];
const TAKEN: &[&str] = &["hydra-sdk", "node-modules"];

pub(super) const JAVASCRIPT: Language = Language {
    name: "js",
    tools: TOOLS,
    first: "npm install && ",
    taken: TAKEN,
    mark: "package.json",
    template: &[],
    sdk: SDK,
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/js/template", sdk: "guest-sdk/js", left_out: LEFT_OUT },
};

pub(super) const TYPESCRIPT: Language = Language {
    name: "ts",
    tools: TOOLS,
    first: "npm install && ",
    taken: TAKEN,
    mark: "tsconfig.json",
    template: &[],
    sdk: SDK,
    #[cfg(test)]
    origin: Origin { template: "guest-sdk/js/template-ts", sdk: "guest-sdk/js", left_out: LEFT_OUT },
};

#[cfg(test)]
const LEFT_OUT: &[&str] = &["package-lock.json", "template", "template-ts", "test"];
