//! Keeps the checked-in bindings of Go and C equal to what `wit-bindgen` makes of `wit/actor.wit`.
//! Here, because here is a Cargo project that has the generator. After a change of the WIT:
//! `HYDRA_WRITE_BINDINGS=1 cargo test --test other_languages` writes the files.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

/// The Go module of the generator's runtime, and where its copy is: our module must not need another.
const GO_RUNTIME: (&str, &str) = ("go.bytecodealliance.org/pkg/wit/", "hydra-sdk/internal/wit/");

fn generate(generator: &mut dyn WorldGenerator) -> Result<BTreeMap<PathBuf, String>, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("wit"))?;
    let world = resolve.select_world(&[package], Some("full-actor"))?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(GO_RUNTIME.0, GO_RUNTIME.1);
    Ok(files.iter().map(|(path, bytes)| (path.into(), text(bytes))).collect())
}

/// Compares the files below a folder of `guest-sdk`, or writes them.
fn check(folder: &str, wanted: &BTreeMap<PathBuf, String>) -> Result<(), Box<dyn Error>> {
    assert!(!wanted.is_empty());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    for (path, text) in wanted {
        let file = folder.join(path);
        if std::env::var_os("HYDRA_WRITE_BINDINGS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap_or(&folder))?;
            std::fs::write(&file, text)?;
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        let shown = file.display();
        assert!(
            found == *text,
            "{shown} is not made from wit/: run HYDRA_WRITE_BINDINGS=1 cargo test --test other_languages"
        );
    }
    Ok(())
}

#[test]
fn the_bindings_of_go_are_those_of_the_wit() -> Result<(), Box<dyn Error>> {
    let options = wit_bindgen_go::Opts {
        // Not gofmt's: it need not be on this machine.
        format: wit_bindgen_go::Format::False,
        pkg_name: Some("hydra-sdk/internal/bindings".into()),
        ..wit_bindgen_go::Opts::default()
    };
    check("go/internal/bindings", &generate(&mut *options.build())?)
}

#[test]
fn the_bindings_of_c_are_those_of_the_wit() -> Result<(), Box<dyn Error>> {
    let options = wit_bindgen_c::Opts { no_object_file: true, ..wit_bindgen_c::Opts::default() };
    check("c/bindings", &generate(&mut *options.build())?)
}
