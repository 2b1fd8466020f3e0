//! Faults as data, and the lists of them that tests go through: all choices come from one seed.

use std::time::Duration;

use fastrand::Rng;
use hydra::crash::Step;

use crate::proxy::Way;

/// Longest wait before a host that is starting is killed.
const STARTING: Duration = Duration::from_millis(60);
/// Longest absence of a server that was killed.
const AWAY: Duration = Duration::from_millis(500);
/// In about this time servers that miss a leader choose another.
const ELECTION: Duration = Duration::from_secs(5);
/// Longer than a lease of a second; up to twice this is far shorter than the log's duplicate window.
const HALT: Duration = Duration::from_millis(1_500);
/// Of a connection.
const SILENCE: Duration = Duration::from_secs(2);
/// Longer than a host waits for an ack.
const LONG_SILENCE: Duration = Duration::from_secs(7);
/// Of each chunk on a slow connection.
const DELAY: Duration = Duration::from_millis(50);
/// Most claims that a start makes: one for each bucket, of which there are half as many as usual, to spare the machine.
pub(crate) const BUCKETS: u64 = 8;
/// Which time a step that comes every few seconds is at most waited for.
const LATE_MAX: u64 = 4;

/// What happens to hosts, their server, or the way between.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// `kill -9` of a host at a random moment.
    Kill,
    /// The same, and again while it starts, this much later.
    KillTwice { after: Duration },
    /// The same of this host, which is away until the others do all its work.
    TakeOver { host: usize },
    /// It ends itself, as `kill -9` would, when it comes to a step for the n-th time.
    CrashAt { step: Step, nth: u64 },
    /// `kill -9` of the server, which is away for so long.
    KillServer { away: Duration },
    /// `kill -9` of one of the servers, which is away for so long.
    KillOneServer { away: Duration },
    /// `kill -9` of the server and all hosts.
    KillAll { away: Duration },
    /// A host stands still for so long, and goes on.
    Stop { span: Duration },
    /// A host's connection is cut.
    Cut,
    /// Nothing passes between a host and the server, and nobody is told; then everything that was sent arrives.
    Silence { way: Way, span: Duration },
    /// Nothing comes from the server, and then the connection is cut: what was acknowledged meanwhile is never heard of.
    Unheard { span: Duration },
    /// Everything between a host and the server takes longer.
    Slow { delay: Duration, span: Duration },
    /// A host's connection is cut, and what it sent last arrives so much later.
    Late { after: Duration },
    /// The server's store is full for so long.
    Fill { span: Duration },
}

impl Fault {
    /// Faults of the same name stand in one line of the report.
    pub(crate) fn kind(self) -> String {
        match self {
            Self::Kill => "kill -9 of a host".into(),
            Self::KillTwice { .. } => "kill -9 of a host, and again while it starts".into(),
            Self::TakeOver { .. } => "kill -9 of a host, and another takes over".into(),
            Self::CrashAt { step, .. } => format!("crash at {}", step.name()),
            Self::KillServer { .. } => "kill -9 of the server".into(),
            Self::KillOneServer { .. } => "kill -9 of one of three servers".into(),
            Self::KillAll { .. } => "kill -9 of the server and all hosts".into(),
            Self::Stop { span } if span <= 2 * HALT => "a host stands still for 1.5 to 3 s".into(),
            Self::Stop { span } => format!("a host stands still for {span:?}"),
            Self::Cut => "connection cut".into(),
            Self::Silence { way, span } => format!("connection silent {way} for {span:?}"),
            Self::Unheard { span } => format!("connection silent from the server for {span:?}, and cut"),
            Self::Slow { delay, span } => format!("connection slow by {delay:?} for {span:?}"),
            Self::Late { after } => format!("connection cut, the last bytes {after:?} late"),
            Self::Fill { span } => format!("server full for {span:?}"),
        }
    }

    /// Whether it happens only to a host that was asked to end.
    pub(crate) fn needs_a_drain(self) -> bool {
        matches!(self, Self::CrashAt { step: Step::DrainBegun | Step::Drained, .. })
    }
}

/// So many kills of hosts at random moments.
pub(crate) fn kills(count: u64, random: &mut Rng) -> Vec<Fault> {
    let kill = |random: &mut Rng| match random.u8(..5) {
        0 => Fault::KillTwice { after: STARTING.mul_f64(random.f64()) },
        _ => Fault::Kill,
    };
    (0..count).map(|_| kill(random)).collect()
}

/// So many kills of two hosts by turns: what one leaves behind the other takes over, and it goes back.
pub(crate) fn takeovers(count: u64) -> Vec<Fault> {
    (0..count).map(|number| Fault::TakeOver { host: usize::from(number % 2 == 1) }).collect()
}

/// So many kills of the server, or of everything.
pub(crate) fn outages(count: u64, all: bool, random: &mut Rng) -> Vec<Fault> {
    let outage = |away| if all { Fault::KillAll { away } } else { Fault::KillServer { away } };
    (0..count).map(|_| outage(AWAY.mul_f64(random.f64()))).collect()
}

/// So many kills of one of several servers: half of them are back before the others have chosen another leader.
pub(crate) fn losses(count: u64, random: &mut Rng) -> Vec<Fault> {
    (0..count).map(|_| Fault::KillOneServer { away: 2 * ELECTION.mul_f64(random.f64()) }).collect()
}

/// So many halts of a host, each longer than its lease.
pub(crate) fn halts(count: u64, random: &mut Rng) -> Vec<Fault> {
    (0..count).map(|_| Fault::Stop { span: HALT + HALT.mul_f64(random.f64()) }).collect()
}

/// So many faults of a connection: some short, some longer than an ack is waited for.
pub(crate) fn breaks(count: u64, random: &mut Rng) -> Vec<Fault> {
    let broken = |random: &mut Rng| {
        let span = if random.u8(..4) == 0 { LONG_SILENCE } else { SILENCE };
        match random.u8(..8) {
            0..3 => Fault::Cut,
            3 => Fault::Silence { way: Way::Both, span },
            4 => Fault::Silence { way: Way::ToServer, span },
            5 => Fault::Silence { way: Way::FromServer, span },
            6 => Fault::Unheard { span },
            _ => Fault::Slow { delay: DELAY, span: SILENCE },
        }
    };
    (0..count).map(|_| broken(random)).collect()
}

/// A step for the first time, and for so many others.
pub(crate) fn crashes(step: Step, count: u64, random: &mut Rng) -> Vec<Fault> {
    let nth = |which: u64, random: &mut Rng| match (which, step) {
        (0, _) | (_, Step::HandedOverAgain | Step::DrainBegun | Step::Drained) => 1,
        (_, Step::ClaimWritten | Step::InboxOpened | Step::ClaimReadAgain | Step::InboxSettled) => {
            random.u64(2..=BUCKETS)
        }
        (_, step) if is_late(&step) => random.u64(2..=LATE_MAX),
        _ => random.u64(2..=40),
    };
    (0..count).map(|which| Fault::CrashAt { step, nth: nth(which, random) }).collect()
}

/// Steps that come once something has waited for seconds: each list has a world of its own.
pub(crate) const PARKING: [&[Step]; 2] =
    [&[Step::BeforePark, Step::Parked], &[Step::BeforeParkedTrim, Step::BeforeUnpark]];

/// Steps that come after more than a minute: each has a world of its own.
pub(crate) const TRIMMING: [&[Step]; 2] = [&[Step::BeforeTrim], &[Step::Trimmed]];

/// Steps that a host comes to only for actors with timers: this load has none, the simulation has.
const OF_TIMERS: [Step; 3] = [Step::TimerMarked, Step::BeforeTick, Step::TickStored];

fn is_late(step: &Step) -> bool {
    PARKING.iter().chain(&TRIMMING).any(|late| late.contains(step))
}

/// Steps that a host comes to at once, whatever it does.
pub(crate) fn soon() -> impl Iterator<Item = Step> {
    Step::ALL.iter().copied().filter(move |step| !is_late(step) && !OF_TIMERS.contains(step))
}
