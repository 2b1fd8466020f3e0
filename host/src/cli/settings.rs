//! Flags that set a host's settings, shared by the verbs that read them: `host`, `dev`, `config`.
//! Hands flags and environment to `hydra::config`, which does the rest. Never knows a default.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use hydra::config::{Given, Loaded, Sources};

/// Settings as flags; each wins over the environment and the file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings (all of them: hydra config show)")]
pub(super) struct Settings {
    /// Read settings from this file [default: hydra.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "HYDRA_CONFIG")]
    config: Option<PathBuf>,
    /// The store's folder [default: .hydra]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Where to listen [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<String>,
    /// When a message counts as stored: on disk, or with the operating system
    #[arg(long, value_enum)]
    durability: Option<Durability>,
    /// What is logged: a level, or directives such as info,hydra::turn=debug
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Durability {
    Fsync,
    Os,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// The settings in force, a verb's own defaults included.
    ///
    /// # Errors
    /// Every mistake in them, and how to look at them.
    pub(super) fn load(&self, defaults: Vec<Given>) -> Result<Loaded> {
        self.load_with(defaults, Vec::new())
    }

    /// As [`Settings::load`], with a verb's further flags.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub(super) fn load_with(&self, defaults: Vec<Given>, flags: Vec<Given>) -> Result<Loaded> {
        let mut sources = self.sources(defaults);
        sources.flags.extend(flags);
        let loaded = hydra::config::load(&sources)
            .map_err(|problems| anyhow::anyhow!("the settings are not right:\n{problems}\nnext: hydra config check"))?;
        let of_folder = [("--data", self.data.is_some()), ("--durability", self.durability.is_some())];
        let idle = of_folder.into_iter().find(|(_, given)| *given && !loaded.config.nats.urls.is_empty());
        if let Some((flag, _)) = idle {
            bail!(
                "{flag} is for a store in a folder, and nats.urls names servers: leave one of both away\nnext: hydra config show"
            );
        }
        Ok(loaded)
    }

    /// Where the settings come from.
    pub(super) fn sources(&self, defaults: Vec<Given>) -> Sources {
        let environment = std::env::vars_os()
            .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
            .collect();
        Sources { file: self.config.clone(), environment, defaults, flags: self.flags() }
    }

    /// The folder of a store that is not running, as the settings say.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub(super) fn store(&self) -> Result<hydra::config::Store> {
        let config = self.load(Vec::new()).context("find the store")?.config;
        let is_folder = config.nats.urls.is_empty();
        ensure!(is_folder, "the settings name NATS servers (nats.urls), this looks at a folder: hydra doctor");
        Ok(config.store)
    }

    fn flags(&self) -> Vec<Given> {
        let durability = self.durability.and_then(|value| value.to_possible_value());
        let format = self.log_format.and_then(|value| value.to_possible_value());
        let flags = [
            ("store.dir", "--data", self.data.clone()),
            ("http.listen", "--http", self.http.clone()),
            ("store.durability", "--durability", durability.map(|value| value.get_name().into())),
            ("telemetry.log", "--log", self.log.clone()),
            ("telemetry.format", "--log-format", format.map(|value| value.get_name().into())),
        ];
        flags.into_iter().filter_map(|(key, flag, text)| text.map(|text| given(key, &text, flag))).collect()
    }
}

/// One setting with the name of the place it comes from.
pub(super) fn given(key: &str, text: &str, origin: &str) -> Given {
    Given { key: key.into(), text: text.into(), origin: origin.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_a_known_setting() {
        let settings = Settings {
            config: None,
            data: Some("x".into()),
            http: Some("127.0.0.1:1".into()),
            durability: Some(Durability::Os),
            log: Some("debug".into()),
            log_format: Some(LogFormat::Json),
        };
        let sources = Sources { flags: settings.flags(), ..Sources::default() };
        let loaded = hydra::config::load(&sources).unwrap();
        assert_eq!(loaded.settings.iter().filter(|setting| setting.origin.starts_with("--")).count(), 5);
    }
}
