//! The file: whatever was cut off or changed is noticed before anything is imported.

use std::path::Path;
use std::sync::OnceLock;

use hydra::archive::{self, Error};
use hydra_tests::scripted::{Rig, counter, reply_to};

use crate::world::{empty, export, import, rig_on, worked_on};

/// A small export.
async fn small() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    for name in ["alice", "bob"] {
        assert_eq!(reply_to(&node.client(), &format!("counter/{name}"), "add", "1").await, "1");
    }
    node.drain(std::time::Duration::from_secs(1)).await;
    let (file, summary) = export(&rig.backend, folder.path(), "small").await;
    let bytes = std::fs::read(file).unwrap();
    assert_eq!((summary.bytes, summary.counts.actors), (bytes.len() as u64, 2));
    bytes
}

/// The same, made once.
fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(small())
    })
}

/// Checks these bytes as a file.
fn check(bytes: &[u8]) -> Result<archive::Checked, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, bytes).unwrap();
    archive::check(&file)
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    for length in 0..bytes().len() {
        let error = check(&bytes()[..length]).unwrap_err();
        let is_told = matches!(&error, Error::Damaged { what: "it was cut", .. } | Error::NotAnExport { .. });
        assert!(is_told, "{length}: {error}");
    }
    assert!(check(bytes()).is_ok());
}

#[test]
fn a_file_with_any_byte_changed_is_refused() {
    for at in 0..bytes().len() {
        for flip in [1, 0x80] {
            let mut changed = bytes().to_vec();
            changed[at] ^= flip;
            assert!(check(&changed).is_err(), "byte {at}");
        }
    }
}

#[test]
fn something_behind_the_end_is_refused() {
    let error = check(&[bytes(), b"\n"].concat()).unwrap_err();
    assert!(error.to_string().contains("behind its end"), "{error}");
}

#[test]
fn another_version_is_refused_with_both_numbers() {
    let mut newer = bytes().to_vec();
    newer[11] = 2;
    let error = check(&newer).unwrap_err();
    assert!(matches!(error, Error::Version { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_length_that_nothing_can_have_makes_no_room() {
    let mut hostile = bytes()[..12].to_vec();
    hostile.extend(u32::MAX.to_be_bytes());
    let error = check(&hostile).unwrap_err();
    assert!(error.to_string().contains("longer than any"), "{error}");
    hostile[12..].copy_from_slice(&(200_u32 << 20).to_be_bytes());
    let error = check(&hostile).unwrap_err();
    assert!(error.to_string().contains("it was cut"), "{error}");
}

#[test]
fn what_is_no_export_is_named() {
    for other in [&b""[..], b"{}", b"SQLite format 3\0 and so on"] {
        let error = check(other).unwrap_err();
        assert!(matches!(error, Error::NotAnExport { .. }), "{error}");
    }
    let error = archive::check(Path::new("/there/is/none")).unwrap_err();
    assert!(error.to_string().contains("/there/is/none"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn only_its_owner_can_read_it_and_nothing_is_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = worked_on(1).await;
    let (file, _) = export(&rig.backend, folder.path(), "one").await;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    let error = archive::export(&rig.backend, &file, |_| ()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // What an export that was killed left behind is in nobody's way.
    std::fs::write(folder.path().join("two.unfinished"), b"half").unwrap();
    export(&rig.backend, folder.path(), "two").await;
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_between_check_and_import_leaves_a_store_that_no_host_serves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let bytes = small().await;
    std::fs::write(&file, &bytes).unwrap();
    let checked = archive::check(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let target = empty();
    let error = archive::import(&target, &checked, |_| ()).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(hydra::incarnations::whole(&*target.actors).await.is_err());
    std::fs::write(&file, &bytes).unwrap();
    import(&target, &file).await.unwrap();
    let (node, _) = rig_on(target).start().await;
    assert_eq!(reply_to(&node.client(), "counter/alice", "add", "1").await, "2");
}
