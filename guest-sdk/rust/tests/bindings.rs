//! Keeps `src/bindings.rs` equal to what `wit-bindgen` makes of `wit/actor.wit`.
//! After a change of the WIT: `HYDRA_WRITE_BINDINGS=1 cargo test --test bindings` writes the file.

use std::error::Error;
use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

const HEADER: &str = "//! The contract in Rust: generated from `wit/actor.wit` by `tests/bindings.rs`, never edited.
//! Called by `export` and `host`; no type of this module reaches an author.
";

/// Functions that the host refuses in this version: no SDK can call them.
const NOT_IN_THIS_VERSION: [&str; 3] = ["publish", "subscribe", "unsubscribe"];

fn generate(wit: &Path) -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("full-actor"))?;
    let options = Opts {
        format: true,
        skip: NOT_IN_THIS_VERSION.map(String::from).to_vec(),
        pub_export_macro: true,
        export_macro_name: Some("__export_full_actor".into()),
        default_bindings_module: Some("hydra_sdk::bindings".into()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let text = files.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect::<String>();
    Ok(format!("{HEADER}{text}"))
}

#[test]
fn the_bindings_are_those_of_the_wit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("src/bindings.rs");
    let wanted = generate(&folder.join("wit")).expect("wit/ parses");
    if std::env::var_os("HYDRA_WRITE_BINDINGS").is_some() {
        std::fs::write(&file, &wanted).expect("src/bindings.rs is writable");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "src/bindings.rs is not made from wit/: run HYDRA_WRITE_BINDINGS=1 cargo test --test bindings"
    );
}
