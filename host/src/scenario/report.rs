//! What became of a scenario: for people and, as JSON, for programs.
//! Made by `suite`, shown by the command line. Pure.

use serde::Serialize;

use crate::scenario::difference::Difference;
use crate::scenario::recording::Recording;

/// What became of one scenario.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// Its file.
    pub file: String,
    /// What it shows.
    pub description: String,
    /// It came to what its author expects, and to the same in every run.
    pub passed: bool,
    /// How many steps it has.
    pub steps: usize,
    /// How often it was run.
    pub runs: usize,
    /// Crashes that were not tried because there would be too many runs.
    pub left_out: usize,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// What happened in the run that was asked for, line by line.
    pub log: Vec<String>,
    /// The turn that was asked for.
    #[serde(skip)]
    pub recording: Option<Recording>,
}

/// One run that did not come to what it should.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Which run: the variant's name.
    pub run: String,
    /// Which step, from 1; none: how everything stood at the end.
    pub step: Option<usize>,
    /// The step's line in the file.
    pub line: Option<usize>,
    /// What was done or looked at, for example `ask counter/alice add`.
    pub what: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// Where the run's mishap was: the step of the commit before or after which the host died.
    pub mishap: Option<String>,
    /// Part by part.
    pub differences: Vec<Difference>,
    /// What happened in this step, line by line.
    pub log: Vec<String>,
}
