//! Builds a component before it is tested, as `hydra build` does, unless it is already built of these very sources.
//! Never looks at what was built.

use anyhow::{Result, anyhow};

use crate::cli::build::{Sources, make};
use crate::cli::component::Component;

/// The component as its sources are now; one without a build command or a manifest is taken as it is.
///
/// # Errors
/// The build fails: the text says what to install or where to look, and how to test without it.
pub(super) fn build(component: &Component) -> Result<Component> {
    if component.manifest.build.command.is_none() || component.manifest_file.is_none() {
        return Ok(component.clone());
    }
    let sources = Sources::of(component)?;
    if sources.are_built(component) {
        return Ok(component.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(make(component, &sources))
        .map_err(|error| anyhow!("{error:#}\n  --no-build tests what was built before"))
}
