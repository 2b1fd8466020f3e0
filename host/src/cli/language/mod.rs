//! The languages that actors are written in: what a project of each is made of, and what its builds need.
//!
//! `table` says what a language is and lists them all; each has a file with its own lines. Asked by `new`, `build` and
//! `doctor`. Never runs a build.

mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod table;
mod tools;

pub(super) use table::{Language, of_folder, with_template};
pub(super) use tools::{Tool, missing};
