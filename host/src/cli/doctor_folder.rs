//! What `hydra doctor` sees of a store's folder and of this machine from outside: rights, space, open files.
//! Looks, and never opens a store.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hydra::config::{Config, Durability};

use super::doctor::{Finding, Verdict};
use super::output;

/// Below this a store may be full before anybody notices.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Files that a host has open besides its connections.
const FILES_BESIDES: u64 = 256;

/// Looks at the folder that the settings name.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let durability = match config.store.durability {
        Durability::Fsync => Finding::ok("durability", "fsync: what was acknowledged survives power loss"),
        Durability::Os => {
            let finding = "os: what was acknowledged survives a crash of the host, not power loss";
            Finding::new("durability", Verdict::Warn, finding, "set store.durability = \"fsync\" in production")
        }
    };
    vec![folder(&config.store.dir), rights(&config.store.dir), space(&config.store.dir), durability]
}

fn folder(folder: &Path) -> Finding {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => {
            let cure = "choose another with --data or store.dir";
            Finding::new("store", Verdict::Fail, format!("{shown} is no folder"), cure)
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            let cure = format!("chmod u+w {shown}");
            Finding::new("store", Verdict::Fail, format!("{shown} cannot be written to"), cure)
        }
        Ok(_) => Finding::ok("store", format!("{shown} is there")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::ok("store", format!("{shown} is not there yet: the host makes it"))
        }
        Err(error) => {
            let cure = "give this user the right to read it, or choose another with --data or store.dir";
            Finding::new("store", Verdict::Fail, format!("{shown}: {error}"), cure)
        }
    }
}

/// The folder holds the system's secret: it is for the host's user alone.
fn rights(folder: &Path) -> Finding {
    let Ok(metadata) = std::fs::metadata(folder) else { return Finding::ok("rights", "nothing to guard yet") };
    let (shown, mode) = (folder.display(), metadata.permissions().mode() & 0o777);
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if mode & 0o077 != 0 {
        let finding = format!("others may enter {shown} (mode {mode:o}), which holds a secret");
        return Finding::new("rights", Verdict::Warn, finding, format!("chmod 700 {shown}"));
    }
    if owner != me {
        let finding = format!("{shown} belongs to user {owner}, this is user {me}");
        return Finding::new(
            "rights",
            Verdict::Warn,
            finding,
            "run hydra host, and this, as the user that it belongs to",
        );
    }
    Finding::ok("rights", format!("only its owner may enter (mode {mode:o})"))
}

fn space(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(there) {
        Ok(volume) => {
            let free = volume.f_bavail.saturating_mul(volume.f_frsize);
            let finding = format!("{} free", output::size(free));
            if free < FREE_BYTES_MIN {
                let cure = format!("free at least {}, or move the store with --data", output::size(FREE_BYTES_MIN));
                return Finding::new("disk", Verdict::Warn, finding, cure);
            }
            Finding::ok("disk", finding)
        }
        Err(error) => Finding::new("disk", Verdict::Warn, format!("free space is not known: {error}"), "df -h"),
    }
}

/// Each connection is an open file. A host raises the limit as far as it may.
pub(super) fn open_files(requests_max: usize) -> Finding {
    let needed = u64::try_from(requests_max).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(FILES_BESIDES);
    match rlimit::getrlimit(rlimit::Resource::NOFILE) {
        Ok((_, most)) => judge_open_files(most, needed),
        Err(error) => {
            Finding::new("open files", Verdict::Warn, format!("the limit is not known: {error}"), "ulimit -Hn")
        }
    }
}

fn judge_open_files(most: u64, needed: u64) -> Finding {
    if most >= needed {
        return Finding::ok(
            "open files",
            format!("a process of this user may have {most}, a host needs up to {needed}"),
        );
    }
    let finding = format!("a process of this user may have {most}, a host with http.requests_max may need {needed}");
    let cure = "raise the hard limit (LimitNOFILE= of the service, or limits.conf), or lower http.requests_max";
    Finding::new("open files", Verdict::Warn, finding, cure)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_folder_is_judged_from_outside() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(folder(root.path()).verdict, Verdict::Ok);
        assert_eq!(folder(&root.path().join("later")).verdict, Verdict::Ok);
        let file = root.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let finding = folder(&file);
        assert!(finding.verdict == Verdict::Fail && !finding.cure.is_empty());
        assert_ne!(space(&root.path().join("later")).verdict, Verdict::Fail);
    }

    #[test]
    fn a_folder_that_others_may_enter_is_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
        let finding = rights(root.path());
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.cure.starts_with("chmod 700 "), "{}", finding.cure);
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(rights(root.path()).verdict, Verdict::Ok);
    }

    #[test]
    fn too_few_open_files_are_found() {
        assert_eq!(judge_open_files(1_024, 16_640).verdict, Verdict::Warn);
        assert_eq!(judge_open_files(65_536, 16_640).verdict, Verdict::Ok);
    }
}
