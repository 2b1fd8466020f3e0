//! What `hydra doctor` makes of NATS servers: each fact of the library's report as a finding with its cure.
//! Judging is pure. Never changes anything on a server.

use std::time::Duration;

use hydra::backend::nats::{self, Copies, Difference, Report, Rights, Skew, Usage};
use hydra::backend::{HEADERS_BYTES_MAX, VALUE_BYTES_MAX};
use hydra::config::{self, Config, Storage};

use super::doctor::{Finding, Verdict};
use super::output::size;

/// What the host commits together at its default limits: 512 KiB of state, 256 KiB of outgoing messages, and headers.
const PAYLOAD_BYTES_MIN: usize = (512 << 10) + (256 << 10) + HEADERS_BYTES_MAX;
/// What the host may ever write at once.
const PAYLOAD_BYTES_ENOUGH: usize = VALUE_BYTES_MAX + 2 * HEADERS_BYTES_MAX;
/// A clock this wrong is worth correcting; this is too wrong to commit by.
const SKEW_WARN: Duration = Duration::from_secs(1);
const SKEW_MAX: Duration = Duration::from_secs(10);
/// Above so many hundredths a limit is soon met.
const USED_WARN: u64 = 80;

/// Looks at the servers that the settings name.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    match nats::inspect(&config.nats, &config.store).await {
        Ok(report) => judge(&report, &config.nats),
        Err(error) => {
            let (finding, cure) = apart(&error.to_string());
            vec![Finding::new("nats", Verdict::Fail, finding, cure)]
        }
    }
}

/// The library's text ends with what to do.
fn apart(text: &str) -> (String, String) {
    let (finding, cure) = text.rsplit_once(": ").unwrap_or((text, "see docs/guide/run-on-nats.md"));
    (finding.into(), cure.into())
}

fn judge(report: &Report, config: &config::Nats) -> Vec<Finding> {
    let cluster = report.cluster.as_ref().map_or_else(String::new, |cluster| format!(" of cluster {cluster}"));
    let mut findings = vec![
        Finding::ok("nats", format!("{} version {}{cluster} answers", report.server, report.version)),
        payload(report.payload_bytes_max),
    ];
    findings.extend(account(&report.account));
    findings.extend(streams(report));
    findings.extend(report.differences.iter().map(difference));
    findings.extend(report.copies.as_ref().map(copies));
    findings.push(durability(config));
    findings.push(clock(report.skew));
    findings.push(rights(&report.rights));
    findings
}

fn payload(limit: usize) -> Finding {
    let shown = |bytes: usize| size(u64::try_from(bytes).unwrap_or(u64::MAX));
    let finding = format!("max_payload is {}", shown(limit));
    if limit < PAYLOAD_BYTES_MIN {
        let finding = format!("{finding}: too little for a state, outgoing messages and headers of the default limits");
        return Finding::new("payload", Verdict::Fail, finding, "set max_payload: 2MB in the servers' configuration");
    }
    if limit < PAYLOAD_BYTES_ENOUGH {
        let defaults = "enough for the default limits (body 256 KiB, state 512 KiB, outbox 256 KiB)";
        return Finding::ok("payload", format!("{finding}: {defaults}"));
    }
    Finding::ok("payload", finding)
}

fn account(usage: &Usage) -> Vec<Finding> {
    let bytes = |what, (used, limit): (u64, Option<u64>)| {
        let Some(limit) = limit else {
            return Finding::ok(what, format!("{} used, no limit of the account", size(used)));
        };
        let finding = format!("{} of {} used", size(used), size(limit));
        if used.saturating_mul(100) >= limit.saturating_mul(USED_WARN) {
            let cure = "raise the account's JetStream limits, or the servers' max_file_store and max_memory_store";
            return Finding::new(what, Verdict::Warn, finding, cure);
        }
        Finding::ok(what, finding)
    };
    let mut findings = vec![bytes("disk", usage.storage), bytes("memory", usage.memory)];
    if usage.sizes_required {
        let finding =
            "the account wants a size for every stream; mailboxes have none, since a full one loses or blocks";
        findings.push(Finding::new("account", Verdict::Fail, finding, "set max_bytes_required: false for it"));
    }
    findings
}

fn streams(report: &Report) -> Vec<Finding> {
    let foreign = report.foreign.iter().map(|text| {
        let (finding, cure) = apart(text);
        Finding::new("streams", Verdict::Fail, finding, cure)
    });
    let mut findings: Vec<Finding> = foreign.collect();
    let missing = report.missing.len();
    if let (used, Some(limit)) = report.account.streams
        && used + missing > limit
    {
        let finding = format!("{missing} streams are missing, the account may have {limit} and has {used}");
        findings.push(Finding::new("streams", Verdict::Fail, finding, "raise max_streams of the account"));
    }
    findings.push(match report.buckets {
        None => Finding::ok("streams", "not there yet: the first host makes them"),
        Some(buckets) if missing == 0 => Finding::ok("streams", format!("all there, {buckets} buckets")),
        Some(_) => {
            let finding = format!("missing in a running system: {}", report.missing.join(", "));
            let cure = "what they held is lost, and the next host makes them again, empty: restore a copy before it \
                        starts (nats stream restore)";
            Finding::new("streams", Verdict::Fail, finding, cure)
        }
    });
    findings
}

fn difference(difference: &Difference) -> Finding {
    let Difference { stream, setting, found, wanted, danger } = difference;
    let danger = danger.map(|danger| format!(": {danger}")).unwrap_or_default();
    let finding = format!("{stream}: {setting} is {found}, the settings say {wanted}{danger}");
    let cure =
        format!("correct one of the two: nats stream edit {stream}, or the settings; a host never changes a stream");
    Finding::new("drift", Verdict::Warn, finding, cure)
}

/// Whether another server may go now.
fn copies(copies: &Copies) -> Finding {
    let lags: Vec<String> =
        copies.behind.iter().map(|(server, behind)| format!("{server} is away or behind with {behind}")).collect();
    let lags = format!("of {} copies {}", copies.followers, lags.join(", "));
    let wait =
        "start what does not run, and stop no other server until each answers GET /healthz on its http port with 200";
    if let Some(first) = copies.leaderless.first() {
        let finding = format!("{} without a leader, so nothing in them is served: {first}", copies.leaderless.len());
        let finding = if copies.behind.is_empty() { finding } else { format!("{finding}; {lags}") };
        return Finding::new("copies", Verdict::Fail, finding, wait);
    }
    if copies.behind.is_empty() {
        return Finding::ok("copies", "all up to date: any one server may go");
    }
    Finding::new("copies", Verdict::Warn, lags, wait)
}

/// What of it a client can see: `sync_interval` is in the servers' configuration only.
fn durability(config: &config::Nats) -> Finding {
    let copies = config.replicas;
    if config.storage == Storage::Memory {
        let finding = "in the servers' memory: gone with their last restart";
        return Finding::new("durability", Verdict::Warn, finding, "set nats.storage = \"file\" for a new system");
    }
    let power = "power loss of all copies at once only with sync_interval: always, which no client can see";
    if copies > 1 {
        let lost = (copies - 1) / 2;
        let finding = format!("{copies} copies: survives the loss of {lost} of their servers; {power}");
        return Finding::ok("durability", finding);
    }
    let finding = format!("one copy: survives kill -9 of hosts and server, not the loss of its disk; {power}");
    let cure = "jetstream { sync_interval: always } in the server's configuration; nats.replicas = 3 for a new system";
    Finding::new("durability", Verdict::Warn, finding, cure)
}

fn clock(skew: Option<Skew>) -> Finding {
    let Some(skew) = skew else { return Finding::ok("clock", "not known before the first host has run") };
    let word = if skew.is_ahead { "ahead of" } else { "behind" };
    let (distance, uncertainty) = (skew.distance.as_secs_f64(), skew.uncertainty.as_secs_f64());
    let finding = format!("the server's clock is {distance:.3} s {word} this machine's, within {uncertainty:.3} s");
    let surely = skew.distance.saturating_sub(skew.uncertainty);
    let cure = "have both keep time by NTP: late copies of messages are told by their times";
    if surely >= SKEW_MAX {
        return Finding::new("clock", Verdict::Fail, finding, cure);
    }
    if surely >= SKEW_WARN {
        return Finding::new("clock", Verdict::Warn, finding, cure);
    }
    Finding::ok("clock", finding)
}

fn rights(rights: &Rights) -> Finding {
    let all = format!("publish {}; subscribe {}", rights.publish.join(", "), rights.subscribe.join(", "));
    if rights.denied.is_empty() {
        return Finding::ok("rights", format!("this user may {all}"));
    }
    let finding = format!("denied: {}", rights.denied.join(", "));
    Finding::new("rights", Verdict::Fail, finding, format!("a host needs: {all}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_the_default_limits_do_not_fit_fails() {
        assert_eq!(payload(64 << 10).verdict, Verdict::Fail);
        assert_eq!(payload(1 << 20).verdict, Verdict::Ok);
        assert!(payload(64 << 10).cure.contains("max_payload"));
    }

    #[test]
    fn a_clock_is_judged_by_what_is_sure() {
        let skew = |distance, uncertainty| {
            let (distance, uncertainty) = (Duration::from_secs(distance), Duration::from_secs(uncertainty));
            Some(Skew { distance, is_ahead: true, uncertainty })
        };
        let cases = [skew(0, 0), skew(2, 0), skew(2, 2), skew(11, 0), skew(11, 2), None];
        let expected = [Verdict::Ok, Verdict::Warn, Verdict::Ok, Verdict::Fail, Verdict::Warn, Verdict::Ok];
        assert_eq!(cases.map(|skew| clock(skew).verdict), expected);
    }

    #[test]
    fn one_copy_is_worth_a_warning_and_three_are_not() {
        let with = |replicas| durability(&config::Nats { replicas, ..config::Nats::default() });
        assert_eq!(with(1).verdict, Verdict::Warn);
        let three = with(3);
        assert!(three.verdict == Verdict::Ok && three.finding.contains("loss of 1"), "{three:?}");
        assert!(three.finding.contains("no client can see"));
    }

    #[test]
    fn a_copy_that_lags_is_a_warning_and_a_stream_without_a_leader_an_error() {
        let mut found = Copies { followers: 6, ..Copies::default() };
        assert_eq!(copies(&found).verdict, Verdict::Ok);
        found.behind.insert("nats-1".into(), 2);
        let warning = copies(&found);
        assert!(
            warning.verdict == Verdict::Warn && warning.finding == "of 6 copies nats-1 is away or behind with 2",
            "{warning:?}"
        );
        found.leaderless.push("hydra_local_B_00 > hydra-e1".into());
        let error = copies(&found);
        assert!(
            error.verdict == Verdict::Fail && error.finding.contains("hydra-e1") && error.cure.contains("/healthz")
        );
    }

    #[test]
    fn a_denied_right_comes_with_all_that_are_needed() {
        let rights = rights(&Rights {
            publish: vec!["hydra.local.>".into()],
            subscribe: vec!["_INBOX.>".into()],
            denied: vec!["publish hydra.local.>".into()],
        });
        assert!(rights.verdict == Verdict::Fail && rights.cure.contains("_INBOX.>"));
    }
}
