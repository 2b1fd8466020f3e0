//! Real hosts under load that are killed again and again, at random moments and at every named step: nothing that was
//! accepted is lost, nothing happens twice, nothing changes places. `docs/reliability.md` says what is done and why.
//! `HYDRA_CHAOS_SEED` and `HYDRA_CHAOS_KILLS` make a run another one, or a longer one: `just chaos`.

mod asked;
mod caller;
mod counters;
mod embedded;
mod fault;
mod filler;
mod journals;
mod late;
mod letters;
mod load;
mod machine;
mod nats;
mod proxy;
mod report;
mod tally;
mod transfers;
mod world;

use anyhow::{Result, ensure};
use hydra::crash::Step;
use hydra_tests::binary;

#[test]
fn a_host_that_is_to_crash_nowhere_known_does_not_start() -> Result<()> {
    for wish in ["record-written", "no-such-step:1", "record-written:0"] {
        let ran = binary::run(binary::command()?.args(["host", "--http", "127.0.0.1:0"]).env("HYDRA_CRASH_AT", wish))?;
        ensure!(ran.code == Some(1), "{wish}: {ran:?}");
        ensure!(Step::ALL.iter().all(|step| ran.stderr.contains(step.name())), "{wish}: {ran:?}");
    }
    Ok(())
}

#[test]
fn every_step_is_in_the_reference() {
    let page = include_str!("../../docs/reference/crash-steps.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let steps = Step::ALL.iter().map(|step| format!("| `{}` | {} |", step.name(), step.meaning()));
    assert_eq!(rows, steps.collect::<Vec<_>>());
}
