//! Tests that a page names as `FOLDER::FILE::TEST`: each is there, so no page promises what nothing shows.
//! Part of the checks; see the crate's page. Never runs a test.

use crate::tree::Tree;

/// Folders of `tests/` whose tests pages may name.
const FOLDERS: [&str; 6] = ["cli", "conformance", "e2e", "http", "node", "sandbox"];

/// Every test that a page names exists.
#[must_use]
pub fn named_tests(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.ending(".md") {
        for (number, line) in text.lines().enumerate() {
            let quoted = line.split('`').skip(1).step_by(2);
            let missing = quoted.filter(|quoted| is_missing(tree, quoted));
            complaints.extend(missing.map(|test| format!("{path}:{}: there is no test {test}", number + 1)));
        }
    }
    complaints
}

fn is_missing(tree: &Tree, quoted: &str) -> bool {
    let parts: Vec<&str> = quoted.split("::").collect();
    let [folder, file, test] = parts[..] else { return false };
    FOLDERS.contains(&folder)
        && !tree
            .text(&format!("tests/{folder}/{file}.rs"))
            .is_some_and(|source| source.contains(&format!("fn {test}(")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    #[test]
    fn every_test_that_a_page_names_is_there() {
        assert_none(named_tests(&Tree::of_repository().unwrap()));
        let page = "`e2e::versions::there` and `std::fs::read`\n`e2e::versions::gone`, `node::none::there`\n";
        let tree = Tree::of(&[("docs/page.md", page), ("tests/e2e/versions.rs", "fn there() {}")]);
        let lines: Vec<_> = named_tests(&tree).iter().map(|line| line.split(':').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lines, ["2", "2"]);
    }
}
