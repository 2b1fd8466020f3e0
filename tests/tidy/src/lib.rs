//! What only a reader would notice, checked by machine: layout, sizes, headers, module edges, words, links, licences.
//! Each check is a function from the committed files to complaints. Each has two tests beside it: this repository has none,
//! and a small broken tree has the right ones. Never builds anything, never looks at what is not committed.

pub mod guests;
pub mod layout;
pub mod licences;
pub mod links;
pub mod modules;
pub mod named_tests;
pub mod tree;
pub mod words;

/// Fails a test with all complaints, one a line.
#[cfg(test)]
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
