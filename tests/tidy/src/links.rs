//! Links between our own pages: each leads to a file, and each `#anchor` to a heading.
//! Part of the checks; see the crate's page. Never follows a link to another host.

use crate::tree::Tree;

/// Every relative link in a page resolves. A template's page is read in the project that is made of it.
#[must_use]
pub fn links(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.ending(".md").filter(|(path, _)| !path.contains("/template/")) {
        for (line, target) in targets(text) {
            if let Some(complaint) = broken(tree, path, &target) {
                complaints.push(format!("{path}:{line}: {complaint}"));
            }
        }
    }
    complaints
}

fn broken(tree: &Tree, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let place = if file.is_empty() { page.to_owned() } else { resolve(page, file)? };
    if !tree.has(&place) {
        return Some(format!("{target} leads to {place}, which is not there"));
    }
    let anchor = anchor?;
    let text = tree.text(&place)?;
    let found =
        outside_code(text).filter_map(|(_, line)| line.strip_prefix('#')).any(|heading| slug(heading) == anchor);
    (!found).then(|| format!("{target}: {place} has no heading for #{anchor}"))
}

/// Where a relative link leads, from the top; none when it leads out of the repository, or begins at its top.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        return Some(target.to_owned());
    }
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." if parts.pop().is_none() => return Some(target.to_owned()),
            ".." => {}
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// What stands in the round brackets of `[text](target)`, with its line.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in outside_code(text) {
        // Every second piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// A heading's anchor, as forges make it.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    #[test]
    fn links_lead_somewhere() {
        assert_none(links(&Tree::of_repository().unwrap()));
        let page = "# A page\n[ok](../README.md) [folder](decisions/) [self](#a-page) [there](other.md#two-words)\n\
                    `[code](nowhere.md)`\n```\n[code](nowhere.md)\n```\n[web](https://docs.rs/x)\n\
                    [gone](gone.md)\n[no heading](other.md#three)\n[out](../../out.md)\n[top](/README.md)\n";
        let tree = Tree::of(&[
            ("README.md", ""),
            ("docs/page.md", page),
            ("docs/other.md", "## Two `words`!\n"),
            ("docs/decisions/0001.md", ""),
            ("guest-sdk/rust/template/README.md", "[made with the project](sdk/README.md)"),
        ]);
        let lines: Vec<_> = links(&tree).iter().map(|line| line.split(':').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lines, ["8", "9", "10", "11"]);
    }
}
