//! What `hydra doctor` learns from a running host: does it serve, and what holds it up: buckets, actors, components, sources.
//! Asks over HTTP; judging is pure. Never changes anything.

use std::time::Duration;

use hydra::clock::{Clock, Time};
use hydra::http::view::{About, Actor, ActorStatus, Actors, Buckets, DeadLetters, Kinds, ParkedActor, Sources};
use hydra::message::Problem;
use hydra::source::Status;
use reqwest::Method;

use super::api::{self, Api};
use super::doctor::{Finding, Verdict};
use super::source;

/// A clock this wrong is worth correcting; this is too wrong to tell late copies by.
const SKEW_WARN: Duration = Duration::from_secs(1);
const SKEW_MAX: Duration = Duration::from_secs(10);
/// A message that has waited for so long waits for more than its turn.
const WAITED_WARN: Duration = Duration::from_secs(60);
/// Actors that are looked at for suspended ones, in pages of so many.
const PAGES_MAX: usize = 5;
const PAGE: usize = 1_000;
/// Names that a finding has.
const NAMED_MAX: usize = 3;

/// Asks for everything; what cannot be asked is a finding.
pub(super) async fn look(api: &Api) -> Vec<Finding> {
    let url = api::shown(api.base());
    let about: anyhow::Result<About> = api.get(&["version"], &[]).await;
    let version = match about {
        Ok(about) => about.version.into_owned(),
        Err(error) => {
            return vec![Finding::new("host", Verdict::Fail, format!("not reached at {url}"), format!("{error:#}"))];
        }
    };
    let reached = format!("version {version} answers at {url}");
    let mut findings = vec![match version == env!("CARGO_PKG_VERSION") {
        true => Finding::ok("host", reached),
        false => Finding::new("host", Verdict::Warn, reached, format!("use hydra {version} here too")),
    }];
    findings.push(match api.send(api.request(Method::GET, &["readyz"])).await {
        Ok(_) => Finding::ok("ready", "messages are being handled"),
        Err(error) => Finding::new("ready", Verdict::Fail, format!("{error:#}"), "read the host's log"),
    });
    let kinds: Kinds = match api.get(&["v1", "kinds"], &[]).await {
        Ok(kinds) => kinds,
        Err(error) => {
            let cure = "give the host's http.token as HYDRA_TOKEN";
            findings.push(Finding::new("token", Verdict::Fail, format!("{error:#}"), cure));
            return findings;
        }
    };
    findings.push(Finding::ok("token", if api.token().is_some() { "taken" } else { "none needed" }));
    findings.push(components(&kinds));
    match asked(api).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(Finding::new("actors", Verdict::Fail, format!("{error:#}"), "read the host's log")),
    }
    findings
}

async fn asked(api: &Api) -> anyhow::Result<Vec<Finding>> {
    let buckets: Buckets = api.get(&["v1", "buckets"], &[]).await?;
    let mut findings = vec![clock(buckets.time, Clock::system(Time(0)).now()), owners(&buckets)];
    findings.extend([waiting(&buckets), parked(&buckets), suspended(api).await?, dead_letters(api).await?]);
    let sources: Sources = api.get(&["v1", "sources"], &[]).await?;
    findings.extend(sources.sources.iter().map(judge_source));
    Ok(findings)
}

fn components(kinds: &Kinds) -> Finding {
    let broken: Vec<_> = kinds.kinds.iter().filter(|kind| kind.trouble.is_some()).collect();
    let Some(first) = broken.first() else {
        return Finding::ok("components", format!("{} kinds, all load", kinds.kinds.len()));
    };
    let told = broken.iter().map(|kind| format!("{}: {}", kind.kind, kind.trouble.as_deref().unwrap_or_default()));
    let finding =
        format!("{} of {} kinds do not load, their messages wait: {}", broken.len(), kinds.kinds.len(), named(told));
    let cure = format!("hydra rollback {0}, or hydra deploy FILE.wasm --kind {0}", first.kind);
    Finding::new("components", Verdict::Fail, finding, cure)
}

/// The log's time never goes back: it is ahead for as long as the clock was set back.
fn clock(log: Time, here: Time) -> Finding {
    let skew = log.distance(here);
    let finding = format!("the host's time is {:.1} s from this machine's", skew.as_secs_f64());
    if skew < SKEW_WARN {
        return Finding::ok("time", finding);
    }
    let verdict = if skew < SKEW_MAX { Verdict::Warn } else { Verdict::Fail };
    let cure = "let NTP keep both clocks (timedatectl set-ntp true); a store whose clock was ahead waits until it has caught up";
    Finding::new("time", verdict, finding, cure)
}

fn owners(buckets: &Buckets) -> Finding {
    let all = buckets.buckets.len();
    let vacant: Vec<&str> =
        buckets.buckets.iter().filter(|one| one.node.is_none()).map(|one| one.bucket.as_str()).collect();
    if vacant.is_empty() {
        return Finding::ok("buckets", format!("{all}, all served"));
    }
    let finding = format!("{} of {all} are served by no living host: {}", vacant.len(), named(vacant.iter()));
    let cure = "hosts take them within seconds; if not, start another: hydra host, and read the hosts' logs";
    Finding::new("buckets", Verdict::Warn, finding, cure)
}

fn waiting(buckets: &Buckets) -> Finding {
    let age = |since: Time| buckets.time.distance(since).as_secs();
    let mut ages: Vec<(u64, &str)> = buckets
        .buckets
        .iter()
        .filter_map(|one| one.waiting_since.map(|since| (age(since), one.bucket.as_str())))
        .collect();
    ages.sort_unstable_by(|one, other| other.cmp(one));
    let Some((oldest, bucket)) = ages.first() else { return Finding::ok("waiting", "no message waits") };
    if *oldest < WAITED_WARN.as_secs() {
        return Finding::ok(
            "waiting",
            format!("the oldest message that is not done has waited {oldest} s, in bucket {bucket}"),
        );
    }
    ages.retain(|(age, _)| *age >= WAITED_WARN.as_secs());
    let told = ages.iter().map(|(age, bucket)| format!("bucket {bucket} for {age} s"));
    let finding = format!("messages wait in {} buckets: {}", ages.len(), named(told));
    let cure = "hydra top shows whether anything moves; if not, read the log of the bucket's host and start it again";
    Finding::new("waiting", Verdict::Warn, finding, cure)
}

fn parked(buckets: &Buckets) -> Finding {
    let count: usize = buckets.buckets.iter().map(|bucket| bucket.parked).sum();
    let Some(first) = buckets.parked.first().filter(|_| count > 0) else {
        return Finding::ok("parked", "no actor holds up its messages");
    };
    let told = |one: &ParkedActor| {
        let why = if one.status == ActorStatus::Suspended { ", suspended" } else { "" };
        format!("{} ({} messages{why})", one.actor, one.messages)
    };
    let finding = format!("messages of {count} actors are parked: {}", of_many(count, buckets.parked.iter().map(told)));
    Finding::new("parked", Verdict::Warn, finding, format!("hydra actor history {}", first.actor))
}

/// Looks at the first actors only: there may be millions.
async fn suspended(api: &Api) -> anyhow::Result<Finding> {
    let (mut found, mut after): (Vec<Actor>, Option<String>) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("status", "suspended".to_owned()), ("limit", PAGE.to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let page: Actors = api.get(&["v1", "actors"], &query).await?;
        found.extend(page.actors);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(judge_suspended(&found, after.is_none()))
}

fn judge_suspended(found: &[Actor], is_all: bool) -> Finding {
    let among = if is_all { String::new() } else { format!(" among the first {}", PAGES_MAX * PAGE) };
    let Some(first) = found.first() else { return Finding::ok("suspended", format!("no actor{among}")) };
    let why = |reason: &Option<Problem>| {
        reason.as_ref().map_or_else(String::new, |reason| format!(" ({}: {})", reason.code, reason.text))
    };
    let told = found.iter().map(|one| format!("{}{}", one.actor, why(&one.reason)));
    let finding = format!("{} actors{among} wait for a human: {}", found.len(), named(told));
    let cure = format!(
        "correct what it says, then hydra actor resume {}; all: hydra actor ls --status suspended",
        first.actor
    );
    Finding::new("suspended", Verdict::Warn, finding, cure)
}

async fn dead_letters(api: &Api) -> anyhow::Result<Finding> {
    let page: DeadLetters = api.get(&["v1", "dead-letters"], &[("limit", PAGE.to_string())]).await?;
    let letters = &page.dead_letters;
    if letters.is_empty() {
        return Ok(Finding::ok("dead letters", "none"));
    }
    let more = if page.next.is_some() { " or more" } else { "" };
    let told = letters.iter().map(|letter| format!("{} of {}", letter.reason, letter.actor));
    let finding = format!("{}{more}: {}", letters.len(), named(told));
    Ok(Finding::new("dead letters", Verdict::Warn, finding, "hydra dlq ls, then hydra dlq show, replay or drop"))
}

/// One that stands still needs a human, one that has lost something does not any more.
fn judge_source(source: &Status) -> Finding {
    let name = &source.name;
    match (source::trouble(source), &source.trouble) {
        (Some(trouble), Some(_)) => {
            let cure = "docs/guide/bind-a-stream.md";
            Finding::new("source", Verdict::Fail, format!("{name} stands still: {trouble}"), cure)
        }
        (Some(trouble), None) => {
            let cure = "hydra source ls; for trimmed messages keep more in the stream, or have a host run always";
            Finding::new("source", Verdict::Warn, format!("{name}: {trouble}"), cure)
        }
        (None, _) => Finding::ok("source", format!("{name}: {} messages handed on", source.handed_on)),
    }
}

/// The first ones by name.
fn named(all: impl ExactSizeIterator<Item = impl ToString>) -> String {
    of_many(all.len(), all)
}

/// The first ones by name, of so many.
fn of_many(count: usize, first: impl Iterator<Item = impl ToString>) -> String {
    let mut text = first.take(NAMED_MAX).map(|one| one.to_string()).collect::<Vec<_>>().join(", ");
    if count > NAMED_MAX {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use hydra::http::view::Bucket;
    use hydra::id::{ActorId, Seq};

    use super::*;

    fn bucket(name: &str, waiting_since: Option<u64>, parked: usize) -> Bucket {
        let (node, waiting_since) = (Some("a".into()), waiting_since.map(Time));
        Bucket { bucket: name.into(), node, floor: Seq(1), waiting_since, parked }
    }

    fn buckets(buckets: Vec<Bucket>, parked: &[&str]) -> Buckets {
        let parked = parked.iter().map(|actor| {
            let (actor, status) = (ActorId::parse(actor).unwrap(), ActorStatus::Suspended);
            ParkedActor { actor, status, reason: None, messages: 7 }
        });
        Buckets { node: "a".into(), time: Time(1_000_000), buckets, parked: parked.collect() }
    }

    #[test]
    fn the_bucket_that_waits_longest_is_named_first() {
        let all = buckets(vec![bucket("00.1", Some(900_000), 0), bucket("01.1", Some(500_000), 0)], &[]);
        let finding = waiting(&all);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert_eq!(finding.finding, "messages wait in 2 buckets: bucket 01.1 for 500 s, bucket 00.1 for 100 s");
        assert_eq!(waiting(&buckets(vec![bucket("00.1", Some(999_000), 0)], &[])).verdict, Verdict::Ok);
        assert_eq!(waiting(&buckets(vec![bucket("00.1", None, 0)], &[])).finding, "no message waits");
    }

    #[test]
    fn parked_actors_are_counted_and_the_first_are_named() {
        let finding =
            parked(&buckets(vec![bucket("00.1", None, 2), bucket("01.1", None, 3)], &["k/a", "k/b", "k/c", "k/d"]));
        let names = "k/a (7 messages, suspended), k/b (7 messages, suspended), k/c (7 messages, suspended), …";
        assert_eq!(finding.finding, format!("messages of 5 actors are parked: {names}"));
        assert_eq!(finding.cure, "hydra actor history k/a");
    }

    #[test]
    fn a_bucket_without_a_host_and_a_clock_that_is_wrong_are_found() {
        let vacant = Bucket { node: None, ..bucket("00.1", None, 0) };
        assert_eq!(owners(&buckets(vec![vacant, bucket("01.1", None, 0)], &[])).verdict, Verdict::Warn);
        assert_eq!(owners(&buckets(vec![bucket("01.1", None, 0)], &[])).verdict, Verdict::Ok);
        let verdict = |log| clock(Time(log), Time(100_000)).verdict;
        assert_eq!([100_999, 102_000, 80_000].map(verdict), [Verdict::Ok, Verdict::Warn, Verdict::Fail]);
    }

    #[test]
    fn suspended_actors_are_told_with_their_reasons_and_how_far_was_looked() {
        let actor = Actor {
            actor: ActorId::parse("k/a").unwrap(),
            status: ActorStatus::Suspended,
            reason: Some(Problem::new("state", "does not decode")),
            cursor: None,
            version: None,
            committed: Time(0),
            state_bytes: None,
        };
        let finding = judge_suspended(&[actor], true);
        assert_eq!(finding.finding, "1 actors wait for a human: k/a (state: does not decode)");
        assert!(finding.cure.contains("hydra actor resume k/a"), "{}", finding.cure);
        assert_eq!(judge_suspended(&[], false).finding, "no actor among the first 5000");
    }
}
