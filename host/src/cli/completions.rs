//! `hydra completions SHELL`: the script that completes verbs and flags.
//! Made from the same description as the command line itself.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use super::{grouped_help, output};

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra completions bash > ~/.local/share/bash-completion/completions/hydra\n  \
                  hydra completions zsh > ~/.zfunc/_hydra\n  \
                  hydra completions fish > ~/.config/fish/completions/hydra.fish")]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn run(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut grouped_help::command(), "hydra", &mut script);
        output::bytes(&script)
    }
}
