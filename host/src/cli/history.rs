//! `hydra actor history`: the last turns of an actor, whichever host ran them.
//! What hosts remember in memory: it outlives an activation, not a host. Never has a body or state.

use anyhow::Result;
use clap::Args;
use hydra::history::{Counts, PastTurn};
use hydra::id::ActorId;
use hydra::inquiry::{History, Remembered};

use super::api::{self, Api};
use super::event_lines;
use super::output::{self, Output};

/// Whose turns.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The actor
    #[arg(value_name = "KIND/ID", value_parser = api::parse_actor)]
    actor: ActorId,
}

impl Whose {
    /// Prints them, the last one last.
    ///
    /// # Errors
    /// The host does not answer.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let path = ["v1", "actors", self.actor.kind().as_str(), self.actor.id(), "history"];
        let history: History = api.get(&path, &[]).await?;
        if output.json {
            return output.value(&history);
        }
        let header = ["time", "subject", "outcome", "try", "took", "effects", "host", "trace", "message", "problem"];
        output.list(&history.turns, &header, row)?;
        if history.turns.is_empty() {
            output::note("no turn is remembered: it has had none since its host started, or not for long");
        }
        for node in &history.silent {
            let node = output::printable(node);
            output::note(&format!(
                "host {node} did not answer: turns that it ran are missing; try again, or hydra doctor"
            ));
        }
        Ok(())
    }
}

fn row(remembered: &Remembered) -> Vec<String> {
    let Remembered { node, turn } = remembered;
    let PastTurn { time, subject, message, outcome, problem, attempt, micros, effects, trace } = turn;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    vec![
        output::time_of_day(*time),
        subject.to_string(),
        outcome.to_string(),
        attempt.to_string(),
        event_lines::duration(*micros),
        counted(effects),
        node.clone(),
        or_none(trace),
        message.to_string(),
        or_none(problem).replace('\n', "\\n"),
    ]
}

/// What a turn wanted, in a few words.
fn counted(effects: &Counts) -> String {
    let Counts { state, sends, requests, answers, timers } = *effects;
    let mut words = Vec::new();
    words.extend(state.then(|| "state".to_owned()));
    words.extend((sends > requests).then(|| format!("{} sent", sends - requests)));
    words.extend((requests > 0).then(|| format!("{requests} asked")));
    words.extend((answers > 0).then(|| format!("{answers} answered")));
    words.extend(timers.map(|timers| format!("{timers} timers")));
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_counted_in_a_few_words() {
        assert_eq!(counted(&Counts::default()), "-");
        let all = Counts { state: true, sends: 5, requests: 2, answers: 1, timers: Some(0) };
        assert_eq!(counted(&all), "state, 3 sent, 2 asked, 1 answered, 0 timers");
    }
}
