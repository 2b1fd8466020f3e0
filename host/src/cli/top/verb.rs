//! Looks at a host again and again, and shows what happened since the look before; or does so once, for scripts.
//! The terminal is given back as it was, however it ends. Never changes anything on the host.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt;
use hydra::http::view::Ranking;
use ratatui::DefaultTerminal;
use reqwest::Method;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::api::{self, Api};
use super::super::output::{self, Output};
use super::draw::{Screen, draw};
use super::metrics::Metrics;
use super::picture::{Look, Picture, Sort};

/// Actors in each ranking.
const ACTORS: usize = 20;

/// See what a host does now: kinds, rates, times, slow and failing actors
#[derive(Debug, Args)]
#[command(after_help = "Keys: q quit, s sort kinds by turns, failed, p99 or name, p pause.\n\n\
                  Examples:\n  hydra top\n  hydra top --once --json | jq '.kinds[] | {kind, p99_ms}'")]
pub(in super::super) struct Top {
    /// Look so often, in seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
    /// Look twice, print what happened between, and end
    #[arg(long)]
    once: bool,
}

impl Top {
    /// Shows the host until a key ends it.
    ///
    /// # Errors
    /// The host does not answer when it begins; or this is no terminal.
    pub(in super::super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let began = Instant::now();
        let (every, first) = (Duration::from_secs(self.every), look(api, began).await?);
        if self.once || output.json {
            tokio::time::sleep(every).await;
            return once(&Picture::between(&first, &look(api, began).await?), output);
        }
        if !std::io::stdout().is_terminal() {
            bail!("standard output is no terminal: hydra top --once, or hydra top --once --json");
        }
        let url = api::shown(api.base()).to_owned();
        let screen = Screen { picture: None, trouble: None, url, sort: Sort::Turns, paused: false };
        let terminal = ratatui::try_init().context("take the terminal")?;
        let (sender, looks) = mpsc::channel(1);
        // Dropping either is safe: a look changes nothing.
        let ended = tokio::select! {
            biased;
            ended = show(terminal, screen, first, looks) => ended,
            () = follow(api, began, every, sender) => Ok(()),
        };
        ratatui::restore();
        ended
    }
}

/// One look at everything that is shown.
async fn look(api: &Api, began: Instant) -> Result<Look> {
    let ranked = async |order: &str| -> Result<Ranking> {
        api.get(&["v1", "turns"], &[("order", order.to_owned()), ("limit", ACTORS.to_string())]).await
    };
    let text = api.bytes(api.request(Method::GET, &["metrics"])).await?;
    let at = began.elapsed();
    Ok(Look {
        at,
        metrics: Metrics::parse(&String::from_utf8_lossy(&text)),
        buckets: api.get(&["v1", "buckets"], &[]).await?,
        slowest: ranked("slowest").await?,
        failing: ranked("failing").await?,
    })
}

/// Looks again and again, until nobody wants to know.
async fn follow(api: &Api, began: Instant, every: Duration, looks: mpsc::Sender<Result<Look>>) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if looks.send(look(api, began).await).await.is_err() {
            return;
        }
    }
}

/// Draws until a key ends it.
async fn show(
    mut terminal: DefaultTerminal,
    mut screen: Screen,
    first: Look,
    mut looks: mpsc::Receiver<Result<Look>>,
) -> Result<()> {
    let (mut keys, mut before) = (EventStream::new(), first);
    loop {
        terminal.draw(|frame| draw(frame, &screen)).context("draw")?;
        // Both are cancel-safe: a dropped one loses neither a key nor a look.
        tokio::select! {
            biased;
            event = keys.next() => match event.context("the terminal ended")?.context("read a key")? {
                Event::Key(key) if key.kind == KeyEventKind::Press && press(&mut screen, key) => return Ok(()),
                _ => {}
            },
            look = looks.recv() => match look.context("nobody looks any more")? {
                Ok(look) => {
                    if !screen.paused {
                        screen.picture = Some(Picture::between(&before, &look));
                    }
                    (before, screen.trouble) = (look, None);
                }
                Err(error) => screen.trouble = Some(format!("{error:#}")),
            },
        }
    }
}

/// What a key does. True: it ends.
fn press(screen: &mut Screen, key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Char('s') => screen.sort = screen.sort.next(),
        KeyCode::Char('p' | ' ') => screen.paused = !screen.paused,
        _ => {}
    }
    false
}

/// The kinds as a table for people, everything for programs.
fn once(picture: &Picture, output: &Output) -> Result<()> {
    if output.json {
        return output.value(picture);
    }
    let or_none = |ms: Option<f64>| ms.map_or_else(|| "-".into(), |ms| format!("{ms:.2}"));
    let header = ["kind", "turns/s", "failed/s", "p50 ms", "p99 ms", "queue p99 ms", "dead letters"];
    let rows: Vec<_> = picture.sorted(Sort::Turns).into_iter().cloned().collect();
    output.list(&rows, &header, |row| {
        vec![
            row.kind.clone(),
            format!("{:.1}", row.turns_per_second),
            format!("{:.1}", row.failed_per_second),
            or_none(row.p50_ms),
            or_none(row.p99_ms),
            or_none(row.queue_p99_ms),
            row.dead_letters.to_string(),
        ]
    })?;
    let oldest = picture.oldest_seconds.map_or_else(|| "none".into(), |seconds| format!("{seconds:.1} s"));
    let (awake, parked) = (picture.awake, picture.parked);
    output::note(&format!("{awake} actors awake, oldest message {oldest}, {parked} actors parked; in full: --json"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_pause_and_end() {
        let (picture, trouble, url) = (None, None, String::new());
        let mut screen = Screen { picture, trouble, url, sort: Sort::Turns, paused: false };
        let mut pressed = |code, modifiers| press(&mut screen, KeyEvent::new(code, modifiers));
        assert!(!pressed(KeyCode::Char('s'), KeyModifiers::NONE) && !pressed(KeyCode::Char('p'), KeyModifiers::NONE));
        assert!(!pressed(KeyCode::Char('c'), KeyModifiers::NONE) && !pressed(KeyCode::Up, KeyModifiers::NONE));
        assert!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL) && pressed(KeyCode::Char('q'), KeyModifiers::NONE));
        assert!(pressed(KeyCode::Esc, KeyModifiers::NONE));
        assert_eq!((screen.sort, screen.paused), (Sort::Failed, true));
    }
}
