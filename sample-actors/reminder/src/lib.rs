//! Reminds of things: once, at intervals, by the calendar.
//! Teaches: timers that survive the host, missed times, replacing and cancelling by name.

use std::time::Duration;

use hydra_sdk::*;

/// Reminders that are kept to be looked at.
const TOLD_MAX: usize = 100;

/// What it has said so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Reminder {
    told: Vec<Told>,
}

/// One reminder that was due.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    name: String,
    text: String,
    /// Further times that had passed while nobody could tell of them.
    missed: u64,
}

/// Body of `in` and `every`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    name: String,
    seconds: u64,
    text: String,
}

/// Body of `at`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calendar {
    name: String,
    /// Minute, hour, day, month, weekday; with six fields the first is the second.
    cron: String,
    /// For example `Europe/Berlin`.
    zone: String,
    text: String,
}

impl Actor for Reminder {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if let Some(name) = msg.timer() {
            self.told.push(Told { name: name.to_owned(), text: msg.text()?.to_owned(), missed: msg.missed() });
            let surplus = self.told.len().saturating_sub(TOLD_MAX);
            drop(self.told.drain(..surplus));
            return done();
        }
        match msg.subject() {
            "in" => {
                let Span { name, seconds, text } = msg.json()?;
                ctx.set_timer(&name, Timer::after(Duration::from_secs(seconds)).body(text));
            }
            "every" => {
                let Span { name, seconds, text } = msg.json()?;
                ctx.set_timer(&name, Timer::every(Duration::from_secs(seconds)).body(text));
            }
            "at" => {
                let Calendar { name, cron, zone, text } = msg.json()?;
                // Nobody wants yesterday's reminder today.
                ctx.set_timer(&name, Timer::cron(&cron, &zone).skip_missed().body(text));
            }
            "cancel" => ctx.cancel_timer(&msg.json::<String>()?),
            "told" => return reply(&self.told),
            other => return refuse("unknown-subject", format!("{other}: try in, every, at, cancel, told")),
        }
        done()
    }

    fn describe() -> Description {
        let span = |name: &str| Span { name: name.into(), seconds: 180, text: "the tea is ready".into() };
        let (name, cron, zone) = ("stand-up".into(), "0 9 * * MON-FRI".into(), "Europe/Berlin".into());
        let calendar = Calendar { name, cron, zone, text: "up!".into() };
        Description::new("Says what it was asked to remember, when it is time.")
            .subject(Subject::new("in").about("reminds once, after so many seconds").body(&span("tea")))
            .subject(Subject::new("every").about("reminds again and again").body(&span("stretch")))
            .subject(Subject::new("at").about("reminds by the calendar").body(&calendar))
            .subject(Subject::new("cancel").about("ends a reminder").body(&"tea"))
            .subject(Subject::new("told").about("what it has said, the last hundred"))
    }
}

export_actor!(Reminder);

#[cfg(test)]
mod tests {
    use hydra_sdk::test::Harness;

    use super::*;

    #[test]
    fn it_reminds_in_time_and_stops_when_told() {
        let mut reminder = Harness::<Reminder>::new("reminder/alice");
        let span = |name: &str, seconds| Span { name: name.into(), seconds, text: name.into() };
        reminder.send("in", &span("tea", 90));
        reminder.send("every", &span("stretch", 60));
        assert_eq!(reminder.advance(Duration::from_secs(130)).len(), 3);
        reminder.send("cancel", &"stretch");
        assert!(reminder.advance(Duration::from_secs(600)).is_empty());
        let told: Vec<Told> = reminder.send("told", &()).reply();
        let names: Vec<&str> = told.iter().map(|told| told.name.as_str()).collect();
        assert_eq!(names, ["stretch", "tea", "stretch"]);
    }

    #[test]
    fn the_calendar_fires_when_the_test_says_so() {
        let mut reminder = Harness::<Reminder>::new("reminder/alice");
        let (name, cron, zone) = ("up".into(), "0 9 * * *".into(), "Europe/Berlin".into());
        reminder.send("at", &Calendar { name, cron, zone, text: "good morning".into() });
        assert!(reminder.fire("up").is_some() && reminder.fire("down").is_none());
        let told: Vec<Told> = reminder.send("told", &()).reply();
        assert_eq!(told, [Told { name: "up".into(), text: "good morning".into(), missed: 0 }]);
    }
}
