//! The cache of compiled code: found again, and never trusted when it was touched.

use std::fs;
use std::path::{Path, PathBuf};

use hydra::config;
use hydra::wasm::{Loaded, Sandbox};
use hydra_tests::guest::Guest;
use hydra_tests::turns::{input, manifest, message, turn};

/// A host that starts anew over this folder and loads the counter.
async fn start(dir: &Path) -> Loaded {
    let settings = config::Sandbox { instances_max: 2, ..config::Sandbox::default() };
    let sandbox = Sandbox::new(&settings, Some(dir.join("compiled")), 1 << 20).unwrap();
    sandbox.load(Guest::counter().build(), manifest("")).await.unwrap()
}

fn only_file(dir: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(dir.join("compiled")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    file.clone()
}

#[tokio::test]
async fn the_second_start_finds_the_code_and_runs_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!start(dir.path()).await.from_cache);
    let loaded = start(dir.path()).await;
    assert!(loaded.from_cache);
    let message = message("add", b"");
    assert!(turn(&*loaded.handler, input(&message)).await.result.is_ok());
}

#[tokio::test]
async fn a_touched_file_is_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path()).await;
    let file = only_file(dir.path());
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut forged = whole.clone();
    forged[0] ^= 1;
    for bad in [flipped, forged, whole[..whole.len() - 1].to_vec(), whole[..10].to_vec(), Vec::new()] {
        fs::write(&file, &bad).unwrap();
        assert!(!start(dir.path()).await.from_cache, "{} bytes", bad.len());
        assert!(start(dir.path()).await.from_cache, "it was written anew");
    }
    assert_eq!(only_file(dir.path()), file);
}

#[tokio::test]
async fn another_key_trusts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path()).await;
    fs::write(dir.path().join("compiled.key"), [9; 32]).unwrap();
    assert!(!start(dir.path()).await.from_cache);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let inside = dir.path().join("file").join("compiled");
    let error = Sandbox::new(&config::Sandbox::default(), Some(inside.clone()), 1 << 20).err().unwrap();
    assert!(error.to_string().contains(&*inside.to_string_lossy()), "{error}");
}
