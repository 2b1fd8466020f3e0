//! What a component is made of, in a line: below what `build`, `deploy` and `dev` tell of it.

use std::collections::{BTreeMap, BTreeSet};

use hydra::wasm::Anatomy;

use super::output;

/// A new line with language, tools, SDK, memory and imports; what is not known is left out.
pub(super) fn indented(anatomy: &Anatomy) -> String {
    let Anatomy { language, tools, sdk, imports, memory_bytes } = anatomy;
    let tools = if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
    let written = language.as_ref().map(|language| format!("{language}{tools}"));
    let memory = format!("{} of memory", output::size(*memory_bytes));
    let imports = (!imports.is_empty()).then(|| format!("imports {}", packages(imports).join(", ")));
    let parts: Vec<String> = written.into_iter().chain(sdk.clone()).chain([memory]).chain(imports).collect();
    format!("\n  {}", output::printable(&parts.join("; ")))
}

/// `PACKAGE/{INTERFACE,…}` for ours, and `wasi:{PACKAGE,…}`, whose interfaces toolchains import whether or not they are used.
fn packages(imports: &[String]) -> Vec<String> {
    let mut packages: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        let (path, _) = import.split_once('@').unwrap_or((import, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let (package, name) = match package.strip_prefix("wasi:") {
            Some(wasi) => ("wasi:".to_owned(), wasi),
            None => (format!("{package}/"), interface),
        };
        packages.entry(package).or_default().insert(name);
    }
    let joined = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(",");
    packages.into_iter().map(|(package, names)| format!("{package}{{{}}}", joined(names))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_a_line() {
        let anatomy = Anatomy {
            language: Some("Go".into()),
            tools: vec!["Go cmd/compile go1.26.8".into()],
            sdk: Some("hydra-sdk-go 0.1.0".into()),
            imports: ["hydra:actor/state@0.1.0", "wasi:io/poll@0.2.6", "wasi:cli/exit@0.2.6"].map(String::from).into(),
            memory_bytes: 3 << 20,
        };
        let wanted = "\n  Go (Go cmd/compile go1.26.8); hydra-sdk-go 0.1.0; 3.00 MiB of memory; \
                      imports hydra:actor/{state}, wasi:{cli,io}";
        assert_eq!(indented(&anatomy), wanted);
    }
}
