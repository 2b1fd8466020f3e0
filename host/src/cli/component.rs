//! What is to be built or deployed: finds the component, its manifest and its kind from a path.
//! Shared by `build`, `deploy` and `dev`. Reads files only; never builds and never checks a component: the host does.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hydra::id::Kind;
use hydra::manifest::Manifest;

use super::build::is_core_module;

/// The manifest's name in a folder.
const MANIFEST: &str = "actor.toml";

/// One component on disk; it need not be built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    /// Whose messages it handles.
    pub(super) kind: Kind,
    /// What is deployed: the compiled component.
    pub(super) wasm: PathBuf,
    /// What the build command leaves: the component, or a core module, and then the component is beside it.
    pub(super) output: PathBuf,
    /// Where the build command runs, and what paths in the manifest are relative to; empty: here.
    pub(super) folder: PathBuf,
    /// The manifest's file, if there is one.
    pub(super) manifest_file: Option<PathBuf>,
    /// Settings and grants; the default without a file.
    pub(super) manifest: Manifest,
    /// The manifest as its author wrote it.
    pub(super) manifest_text: String,
}

impl Component {
    /// Finds a component: a `.wasm`, an `actor.toml`, or a folder with one. Flags win over the manifest.
    ///
    /// # Errors
    /// There is nothing to deploy, or no kind for it: the text says what to write.
    pub(super) fn find(path: &Path, kind: Option<&Kind>, manifest: Option<&Path>) -> Result<Self> {
        let shown = path.display();
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        let manifest_file = match manifest {
            Some(file) => Some(file.to_path_buf()),
            None if path.is_dir() => Some(path.join(MANIFEST)),
            None if path.file_name().is_some_and(|name| name == MANIFEST) => Some(path.to_path_buf()),
            None if is_wasm => None,
            None if !path.exists() => bail!("{shown} does not exist: give a .wasm, or a folder with an {MANIFEST}"),
            None => bail!("{shown} is neither a .wasm nor a folder with an {MANIFEST}"),
        };
        let (manifest, manifest_text) = match &manifest_file {
            Some(file) => read_manifest(file)?,
            None => (Manifest::default(), String::new()),
        };
        let output = if is_wasm { path.to_path_buf() } else { built(&manifest, manifest_file.as_deref())? };
        let kind = match kind.or(manifest.kind.as_ref()) {
            Some(kind) => kind.clone(),
            None => kind_of_file(&output)?,
        };
        let folder = manifest_file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf();
        let found = Self { kind, wasm: output.clone(), output, folder, manifest_file, manifest, manifest_text };
        Ok(if is_wasm { found } else { found.again() })
    }

    /// The same component after a build, which may leave a core module where there was none.
    pub(super) fn again(&self) -> Self {
        let beside = is_core_module(&self.output);
        let wasm = if beside { self.beside_core() } else { self.output.clone() };
        Self { wasm, ..self.clone() }
    }

    /// Where the component of a core module is: beside it, named like its kind.
    pub(super) fn beside_core(&self) -> PathBuf {
        self.output.with_file_name(format!("{}.wasm", self.kind))
    }

    /// The compiled component's bytes.
    ///
    /// # Errors
    /// It is not there or cannot be read: the text says how to build it.
    pub(super) fn read(&self) -> Result<Bytes> {
        std::fs::read(&self.wasm)
            .map(Bytes::from)
            .with_context(|| format!("read the component: build it with {}", self.how_to_build()))
    }

    /// The command that makes the component, as far as its author says.
    pub(super) fn how_to_build(&self) -> String {
        match &self.manifest.build.command {
            Some(_) if self.folder.as_os_str().is_empty() => "hydra build".into(),
            Some(_) => format!("hydra build {}", self.folder.display()),
            None => "your language's compiler, for example cargo build --release --target wasm32-wasip2".into(),
        }
    }
}

fn read_manifest(file: &Path) -> Result<(Manifest, String)> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read {shown}: a folder to deploy has an {MANIFEST} that names its component"))?;
    let manifest = Manifest::parse(&text).with_context(|| format!("read {shown}"))?;
    Ok((manifest, text))
}

fn built(manifest: &Manifest, file: Option<&Path>) -> Result<PathBuf> {
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    match &manifest.component {
        Some(component) => Ok(folder.join(component)),
        None => bail!(
            "{} names no component: add component = \"PATH.wasm\", relative to the file",
            file.unwrap_or(Path::new(MANIFEST)).display()
        ),
    }
}

/// `my_counter.wasm` handles `my-counter`: compilers write underscores where kinds have hyphens.
fn kind_of_file(wasm: &Path) -> Result<Kind> {
    let stem = wasm.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
    Kind::from_outside(&stem).with_context(|| format!("{} names no kind: say which with --kind", wasm.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        Kind::new(text).unwrap()
    }

    fn folder(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        folder
    }

    #[test]
    fn a_file_names_its_kind_unless_a_flag_or_the_manifest_does() {
        let file = Path::new("out/my_counter.wasm");
        assert_eq!(Component::find(file, None, None).unwrap().kind, kind("my-counter"));
        assert_eq!(Component::find(file, Some(&kind("other")), None).unwrap().kind, kind("other"));
        let folder = folder("kind = \"named\"");
        let manifest = folder.path().join(MANIFEST);
        assert_eq!(Component::find(file, None, Some(&manifest)).unwrap().kind, kind("named"));
        assert_eq!(Component::find(file, Some(&kind("other")), Some(&manifest)).unwrap().kind, kind("other"));
        for bad in ["out/Counter.wasm", "7up.wasm", "sys-x.wasm", "own.wasm"] {
            let error = format!("{:#}", Component::find(Path::new(bad), None, None).unwrap_err());
            assert!(error.contains("--kind"), "{error}");
        }
    }

    #[test]
    fn a_folder_names_its_component_in_its_manifest() {
        let folder = folder("component = \"target/my_actor.wasm\"\n[build]\ncommand = \"make\"");
        let found = Component::find(folder.path(), None, None).unwrap();
        assert_eq!(found.wasm, folder.path().join("target/my_actor.wasm"));
        assert_eq!(found.kind, kind("my-actor"));
        assert_eq!(found.how_to_build(), format!("hydra build {}", folder.path().display()));
        assert!(format!("{:#}", found.read().unwrap_err()).contains("hydra build"));
    }

    #[test]
    fn the_component_of_a_core_module_is_beside_it() {
        let folder = folder("kind = \"my-actor\"\ncomponent = \"core.wasm\"");
        std::fs::write(folder.path().join("core.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
        let found = Component::find(folder.path(), None, None).unwrap();
        assert_eq!(found.wasm, folder.path().join("my-actor.wasm"));
        let itself = Component::find(&folder.path().join("core.wasm"), None, None).unwrap();
        assert_eq!(itself.wasm, itself.output, "whoever names a file means it");
    }

    #[test]
    fn what_cannot_be_deployed_is_told_with_what_to_write() {
        let told = |path: &Path| format!("{:#}", Component::find(path, None, None).unwrap_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(told(empty.path()).contains("actor.toml"));
        assert!(told(Path::new("no/such/folder")).contains("does not exist"));
        assert!(told(folder("").path()).contains("component = "));
        assert!(told(folder("colour = 1").path()).contains("colour"));
    }
}
