//! What can be written on the command line, and which verb it leads to.
//! A usage error ends the process with 2, before anything is done.
//! Never does a verb's work.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use hydra::config::Config;
use hydra::telemetry::Metrics;

use super::api::{self, Api};
use super::output::Output;
use super::{
    actor, bench, build, completions, config, deploy, dev, dlq, doctor, endpoint, grouped_help, host, kind, new,
    rollback, send, source, state, store, tail, test, timer, top,
};

/// An actor host: sandboxed WebAssembly handlers, durable mailboxes, exactly-once effects.
#[derive(Debug, Parser)]
#[command(name = "hydra", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Where the host answers
    #[arg(long, global = true, env = "HYDRA_URL", default_value = "http://127.0.0.1:8420", value_parser = api::parse_url)]
    pub(super) url: reqwest::Url,
    /// The host's bearer token; better given as HYDRA_TOKEN, which no process list shows
    #[arg(long, global = true, env = "HYDRA_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Dev(dev::Dev),
    Host(host::Host),
    New(new::New),
    Build(build::Build),
    Test(test::Test),
    Deploy(deploy::Deploy),
    Rollback(rollback::Rollback),
    #[command(subcommand)]
    Kind(kind::Kind),
    Send(send::Send),
    Ask(send::Ask),
    #[command(subcommand)]
    Actor(actor::Actor),
    #[command(subcommand)]
    State(state::State),
    Tail(tail::Tail),
    Top(top::Top),
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    #[command(subcommand)]
    Source(source::Source),
    #[command(subcommand)]
    Endpoint(endpoint::Endpoint),
    #[command(subcommand)]
    Timer(timer::Timer),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Store(store::Store),
    Doctor(doctor::Doctor),
    Bench(bench::Bench),
    Completions(completions::Completions),
}

impl Cli {
    /// Reads the command line; help, version and usage errors end the process here.
    pub(crate) fn read() -> Self {
        let matches = grouped_help::command().get_matches();
        let cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        match cli.global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        cli
    }

    /// Settings of the verbs that start a host, from file, environment and flags; of all others the defaults, logging warnings only.
    ///
    /// # Errors
    /// Mistakes in the settings, all of them.
    pub(crate) fn config(&self) -> Result<Config> {
        match &self.verb {
            Verb::Host(verb) => verb.config(),
            Verb::Dev(verb) => verb.config(),
            Verb::Test(_) => Ok(test::config()),
            _ => {
                let mut config = Config::default();
                config.telemetry.log = "warn".into();
                Ok(config)
            }
        }
    }

    /// Whether log lines may be coloured.
    pub(crate) fn colors_stderr(&self) -> bool {
        match self.global.color {
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            Color::Always => true,
            Color::Never => false,
        }
    }

    /// Does what the verb says. A host counts in `metrics`.
    ///
    /// # Errors
    /// What is to be printed before the process ends with 1.
    pub(crate) fn run(self, config: Config, metrics: Arc<Metrics>) -> Result<()> {
        let Self { global, verb } = self;
        let output = Output::new(global.json);
        match verb {
            Verb::Host(verb) => verb.run(config, metrics),
            Verb::Dev(verb) => verb.run(config, metrics),
            Verb::New(verb) => verb.run(),
            Verb::Test(verb) => verb.run(&output),
            Verb::Config(verb) => verb.run(&output),
            Verb::Store(verb) => verb.run(&output),
            Verb::Completions(verb) => verb.run(),
            verb => client(verb, &global, &output),
        }
    }
}

/// Runs a verb that talks to a host: one thread is enough, but for the benchmark's load.
fn client(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    let mut builder = match &verb {
        Verb::Bench(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let api = Api::new(&global.url, global.token.clone())?;
    builder.enable_all().build()?.block_on(async move {
        match verb {
            Verb::Build(verb) => verb.run(output).await,
            Verb::Deploy(verb) => verb.run(&api, output).await,
            Verb::Rollback(verb) => verb.run(&api, output).await,
            Verb::Kind(verb) => verb.run(&api, output).await,
            Verb::Send(verb) => verb.run(&api, output).await,
            Verb::Ask(verb) => verb.run(&api, output).await,
            Verb::Actor(verb) => verb.run(&api, output).await,
            Verb::State(verb) => verb.run(&api, output).await,
            Verb::Top(verb) => verb.run(&api, output).await,
            Verb::Tail(verb) => verb.run(&api, output).await,
            Verb::Dlq(verb) => verb.run(&api, output).await,
            Verb::Source(verb) => verb.run(&api, output).await,
            Verb::Endpoint(verb) => verb.run(&api, output).await,
            Verb::Timer(verb) => verb.run(&api, output).await,
            Verb::Doctor(verb) => verb.run(&api, output).await,
            Verb::Bench(verb) => verb.run(&api, output).await,
            Verb::Host(_)
            | Verb::Dev(_)
            | Verb::New(_)
            | Verb::Test(_)
            | Verb::Config(_)
            | Verb::Store(_)
            | Verb::Completions(_) => Ok(()),
        }
    })
}
