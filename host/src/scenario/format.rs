//! Reads a scenario file; what may stand in it is in `docs/reference/scenarios.md`.
//! Called before anything runs. Pure, but for the bodies that stand in files of their own: whoever calls reads those.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::client::Request;
use crate::effects::Payload;
use crate::id::{ActorId, Kind};
use crate::message::{Headers, Problem};
use crate::names::Subject;
use crate::scenario::expect::{AnswerExpected, BodyExpected, LettersExpected, MessageExpected, StateExpected};
use crate::scenario::fields::{Error, Fields, Source};
use crate::scenario::script::{Action, Extra, Scenario, Step};
use crate::scenario::stand_in::{Says, StandIn};

/// Steps of one scenario: each may be run hundreds of times.
const STEPS_MAX: usize = 1_000;
/// Longest time that one step lets pass: 10 years.
const ADVANCE_MAX: Duration = Duration::from_secs(3_650 * 86_400);
/// Longest time that an ask waits, as over HTTP.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// How long an ask waits unless told otherwise, as over HTTP.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a step can be.
const VERBS: [&str; 7] = ["ask", "send", "advance", "crash", "state", "sent", "dead-letters"];
/// What else a step can hold.
const REST: [&str; 9] = ["subject", "headers", "key", "json", "text", "base64", "file", "timeout", "expect"];
/// How an ask can end.
const STATUSES: [&str; 9] =
    ["replied", "done", "refused", "failed", "timed-out", "suspended", "later", "key-reused", "already-done"];

/// What a stand-in can say.
const SAID: [&str; 5] = ["replied", "done", "refused", "failed", "later"];

/// Reads a scenario. `file` is how its author knows it; `read` reads a body's file, relative to the scenario's folder.
///
/// # Errors
/// The first mistake, with file, line, step and what to write.
pub fn parse(file: &str, text: &str, read: &dyn Fn(&Path) -> io::Result<Bytes>) -> Result<Scenario, Error> {
    let source = Source { file, text };
    let mut fields = source.fields()?;
    let description = fields.text("description")?.unwrap_or_default();
    let config = fields.texts("config")?;
    let components = fields.tables("component", "[[component]]")?.unwrap_or_default();
    let components = components.into_iter().map(extra).collect::<Result<_, _>>()?;
    let stand_ins = fields.tables("stand-in", "[[stand-in]]")?.unwrap_or_default();
    let stand_ins = stand_ins.into_iter().map(|fields| stand_in(fields, read)).collect::<Result<_, _>>()?;
    let steps = fields.tables("step", "a step")?.unwrap_or_default();
    if !(1..=STEPS_MAX).contains(&steps.len()) {
        let reason = format!("{} steps: a scenario has 1 to {STEPS_MAX}, each begins with [[step]]", steps.len());
        return Err(fields.mistake(reason));
    }
    fields.finish()?;
    let steps = steps.into_iter().zip(1..).map(|(fields, number)| step(fields.at_step(number), read));
    let steps = steps.collect::<Result<_, _>>()?;
    let name = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Scenario { name, file: file.into(), description, config, components, stand_ins, steps })
}

fn extra(mut fields: Fields<'_>) -> Result<Extra, Error> {
    let kind = fields.text("kind")?.map(|text| Kind::from_outside(&text)).transpose();
    let kind = kind.map_err(|error| fields.mistake(error.to_string()))?;
    let path = fields.text("path")?;
    let path =
        path.ok_or_else(|| fields.mistake("[[component]] needs a path: a .wasm, or a folder with an actor.toml"))?;
    let config = fields.texts("config")?;
    fields.finish()?;
    Ok(Extra { kind, path: path.into(), config })
}

fn stand_in(mut fields: Fields<'_>, read: Read<'_>) -> Result<StandIn, Error> {
    let to = needed(fields.text("to")?, &fields, "to")?;
    let (kind, id) = to.split_once('/').map_or((to.as_str(), None), |(kind, id)| (kind, Some(id)));
    let kind = Kind::from_guest(kind).and_then(|kind| match id {
        Some(_) => ActorId::parse(&to).map(|_| kind),
        None => Ok(kind),
    });
    let kind = kind.map_err(|error| fields.mistake(format!("to: {error}")))?;
    let when = message(&mut fields, read)?;
    let says = fields.table("answer", "answer of a stand-in")?;
    let says = says.map(|says| self::says(says, read)).transpose()?;
    let says = needed(says, &fields, "answer = { status = \"replied\", json = … }")?;
    fields.finish()?;
    Ok(StandIn { kind, to, when, says })
}

fn says(mut fields: Fields<'_>, read: Read<'_>) -> Result<Says, Error> {
    let status = fields.word("status", &SAID)?;
    let says = match status.as_deref().unwrap_or("replied") {
        "done" => Says::Done,
        "later" => Says::Never,
        "replied" => {
            let headers = headers(&mut fields)?;
            Says::Reply(Payload { headers, body: bytes(body(&mut fields, read)?) })
        }
        problem => {
            let code = needed(fields.text("code")?, &fields, "code")?;
            let reason = Problem::new(&code, fields.text("text")?.unwrap_or_default());
            if problem == "refused" { Says::Refuse(reason) } else { Says::Fail(reason) }
        }
    };
    fields.finish()?;
    Ok(says)
}

type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Bytes>;

fn step(mut fields: Fields<'_>, read: Read<'_>) -> Result<Step, Error> {
    let line = fields.place().line;
    let action = match fields.present(&VERBS)[..] {
        [verb] => action(verb, &mut fields, read)?,
        [first, second, ..] => return Err(fields.mistake(format!("{first} and {second} are two steps"))),
        [] => {
            let mistake = fields.mistake(format!("a step is one of {}", VERBS.join(", ")));
            // A slip in the verb itself is told better by its name.
            fields.present(&REST);
            return Err(fields.finish().err().unwrap_or(mistake));
        }
    };
    fields.finish()?;
    Ok(Step { line, action })
}

fn action(verb: &str, fields: &mut Fields<'_>, read: Read<'_>) -> Result<Action, Error> {
    Ok(match verb {
        "ask" => ask(fields, read)?,
        "send" => send(fields, read)?,
        "advance" => Action::Advance(needed(fields.span("advance", ADVANCE_MAX)?, fields, "advance")?),
        "state" => Action::State { actor: actor(fields, "state")?, expect: state(fields, read)? },
        "sent" => Action::Sent { actor: actor(fields, "sent")?, expect: sent(fields, read)? },
        "dead-letters" => Action::DeadLetters(letters(fields)?),
        _ => {
            fields.flag("crash")?;
            Action::Crash
        }
    })
}

fn needed<T>(value: Option<T>, fields: &Fields<'_>, key: &str) -> Result<T, Error> {
    value.ok_or_else(|| fields.mistake(format!("{key} is missing")))
}

/// An actor that messages from outside may go to.
fn actor(fields: &mut Fields<'_>, key: &'static str) -> Result<ActorId, Error> {
    let text = needed(fields.text(key)?, fields, key)?;
    let actor = ActorId::parse(&text).map_err(|error| fields.mistake(format!("{key}: {error}")))?;
    Kind::from_outside(actor.kind().as_str()).map_err(|error| fields.mistake(format!("{key}: {error}")))?;
    Ok(actor)
}

fn request(fields: &mut Fields<'_>, verb: &'static str, read: Read<'_>) -> Result<Request, Error> {
    let to = actor(fields, verb)?;
    let subject = needed(fields.text("subject")?, fields, "subject")?;
    let subject = Subject::new(&subject).map_err(|error| fields.mistake(error.to_string()))?;
    let (headers, key) = (headers(fields)?, fields.text("key")?);
    Ok(Request { to, subject, headers, body: bytes(body(fields, read)?), key, trace: None })
}

fn headers(fields: &mut Fields<'_>) -> Result<Headers, Error> {
    let headers = Headers(fields.texts("headers")?.into_iter().collect());
    headers.check().map_err(|error| fields.mistake(error.to_string()))?;
    Ok(headers)
}

fn bytes(body: Option<BodyExpected>) -> Bytes {
    match body {
        None => Bytes::new(),
        Some(BodyExpected::Json(json)) => json.to_string().into(),
        Some(BodyExpected::Text(text) | BodyExpected::Contains(text)) => text.into(),
        Some(BodyExpected::Exactly(bytes)) => bytes,
    }
}

fn ask(fields: &mut Fields<'_>, read: Read<'_>) -> Result<Action, Error> {
    let request = request(fields, "ask", read)?;
    let timeout = fields.span("timeout", TIMEOUT_MAX)?.unwrap_or(TIMEOUT);
    let expect = match fields.table("expect", "expect of an ask")? {
        None => AnswerExpected::default(),
        Some(mut fields) => {
            let status = fields.word("status", &STATUSES)?;
            let code = fields.text("code")?;
            let body = bodies(&mut fields, read)?;
            let headers = fields.texts("headers")?;
            fields.finish()?;
            AnswerExpected { status, code, body, headers }
        }
    };
    Ok(Action::Ask { request, timeout, expect })
}

fn send(fields: &mut Fields<'_>, read: Read<'_>) -> Result<Action, Error> {
    if !fields.present(&["expect"]).is_empty() {
        let reason =
            "a send has no answer: make it an ask, or look with state, sent or dead-letters in a step behind it";
        return Err(fields.mistake(reason));
    }
    request(fields, "send", read).map(Action::Send)
}

/// A body in one of its forms.
fn body(fields: &mut Fields<'_>, read: Read<'_>) -> Result<Option<BodyExpected>, Error> {
    let mut forms = Vec::new();
    forms.extend(fields.json("json")?.map(BodyExpected::Json));
    forms.extend(fields.text("text")?.map(BodyExpected::Text));
    if let Some(text) = fields.text("base64")? {
        let bytes = data_encoding::BASE64.decode(text.as_bytes());
        let bytes = bytes.map_err(|error| fields.mistake(format!("base64: {error}")))?;
        forms.push(BodyExpected::Exactly(bytes.into()));
    }
    if let Some(path) = fields.text("file")? {
        let bytes = read(Path::new(&path)).map_err(|error| fields.mistake(format!("file {path}: {error}")))?;
        forms.push(BodyExpected::Exactly(bytes));
    }
    if forms.len() > 1 {
        return Err(fields.mistake("a body is one of json, text, base64 and file, not several"));
    }
    Ok(forms.pop())
}

fn bodies(fields: &mut Fields<'_>, read: Read<'_>) -> Result<Vec<BodyExpected>, Error> {
    let contains = fields.text("text-contains")?.map(BodyExpected::Contains);
    Ok(body(fields, read)?.into_iter().chain(contains).collect())
}

fn state(fields: &mut Fields<'_>, read: Read<'_>) -> Result<StateExpected, Error> {
    let advice = "expect what the state is: { json = … }, { text = … }, { base64 = … } or { absent = true }";
    let mistake = fields.mistake(advice);
    let Some(mut fields) = fields.table("expect", "expect of a state")? else { return Err(mistake) };
    let (absent, bodies) = (fields.flag("absent")?, bodies(&mut fields, read)?);
    fields.finish()?;
    match (absent, bodies.is_empty()) {
        (true, true) => Ok(StateExpected::Absent),
        (false, false) => Ok(StateExpected::Present(bodies)),
        (true, false) | (false, true) => Err(mistake),
    }
}

fn sent(fields: &mut Fields<'_>, read: Read<'_>) -> Result<Vec<MessageExpected>, Error> {
    let messages = fields.tables("expect", "a message of sent")?;
    let messages = needed(messages, fields, "expect = [ { to = …, subject = …, json = … } ]")?;
    let sent = |mut fields: Fields<'_>| {
        let to = fields.text("to")?;
        let expected = MessageExpected { to, ..message(&mut fields, read)? };
        fields.finish()?;
        Ok(expected)
    };
    messages.into_iter().map(sent).collect()
}

/// What a message should say, but for its receiver.
fn message(fields: &mut Fields<'_>, read: Read<'_>) -> Result<MessageExpected, Error> {
    let (subject, body, headers) = (fields.text("subject")?, bodies(fields, read)?, fields.texts("headers")?);
    Ok(MessageExpected { to: None, subject, body, headers })
}

fn letters(fields: &mut Fields<'_>) -> Result<LettersExpected, Error> {
    let table = fields.table("dead-letters", "dead-letters")?;
    let mut fields = needed(table, fields, "dead-letters")?;
    let (count, reason) = (fields.count("count")?, fields.text("reason")?);
    let (actor, subject) = (fields.text("actor")?, fields.text("subject")?);
    fields.finish()?;
    Ok(LettersExpected { count, reason, actor, subject })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(path: &Path) -> io::Result<Bytes> {
        if path == Path::new("body.bin") {
            Ok(Bytes::from_static(b"\xff"))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn parsed(text: &str) -> Scenario {
        parse("scenarios/some.toml", text, &read).unwrap()
    }

    fn told(text: &str) -> String {
        parse("some.toml", text, &read).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_step_is_read() {
        let scenario = parsed(
            r#"
            description = "adds and remembers"
            config = { step = "2" }
            [[component]]
            kind = "log"
            path = "../log.wasm"
            [[stand-in]]
            to = "sys-http/pay"
            subject = "post"
            answer = { headers = { status = "201" }, json = { id = 1 } }
            [[stand-in]]
            to = "shelf/a/b"
            text-contains = "tea"
            answer = { status = "refused", code = "empty" }
            [[step]]
            ask = "counter/alice"
            subject = "add"
            headers = { X-One = "1" }
            key = "k1"
            json = 0x05
            timeout = "5s"
            expect = { status = "replied", json = { value = 5, list = [1.5, true, "x"] }, headers = { x-two = "2" } }
            [[step]]
            send = "counter/a/b"
            subject = "raw"
            file = "body.bin"
            [[step]]
            advance = "10s"
            [[step]]
            crash = true
            [[step]]
            state = "counter/alice"
            expect = { absent = true }
            [[step]]
            sent = "counter/alice"
            expect = [ { to = "log/x", subject = "added", json = 5 } ]
            [[step]]
            dead-letters = { count = 1, reason = "failed" }
            "#,
        );
        assert_eq!((scenario.name.as_str(), scenario.description.as_str()), ("some", "adds and remembers"));
        assert_eq!(scenario.config.get("step").map(String::as_str), Some("2"));
        assert_eq!(scenario.components.first().unwrap().path, Path::new("../log.wasm"));
        let [outside, shelf] = &scenario.stand_ins[..] else { panic!("two stand-ins") };
        assert_eq!((outside.kind.as_str(), outside.to.as_str()), ("sys-http", "sys-http/pay"));
        let Says::Reply(payload) = &outside.says else { panic!("a reply") };
        assert_eq!((payload.headers.get("status"), &payload.body[..]), (Some("201"), &br#"{"id":1}"#[..]));
        assert_eq!(shelf.says, Says::Refuse(Problem::new("empty", "")));
        let shown: Vec<String> = scenario.steps.iter().map(|step| step.action.to_string()).collect();
        let verbs = ["ask counter/alice add", "send counter/a/b raw", "advance 10s", "crash", "state counter/alice"];
        assert_eq!(shown.get(..5).unwrap(), verbs);
        let Action::Ask { request, timeout, expect } = &scenario.steps.first().unwrap().action else {
            panic!("an ask")
        };
        assert_eq!((request.body.as_ref(), *timeout), (&b"5"[..], Duration::from_secs(5)));
        assert_eq!(request.headers.0, [("X-One".to_owned(), "1".to_owned())]);
        let body = json!({ "value": 5, "list": [1.5, true, "x"] });
        assert_eq!(expect.body, [BodyExpected::Json(body)]);
        let Action::Send(request) = &scenario.steps.get(1).unwrap().action else { panic!("a send") };
        assert_eq!(request.body.as_ref(), [0xff]);
    }

    #[test]
    fn a_slip_is_told_with_its_line_step_and_the_nearest_name() {
        let step = "[[step]]\nask = \"counter/a\"\nsubject = \"add\"\n";
        assert_eq!(
            told(&format!("{step}{step}expct = {{ json = 5 }}")),
            "some.toml:7 (step 2): unknown key expct in a step: did you mean expect?"
        );
        assert!(
            told(&format!("{step}expect = {{ jsn = 5 }}"))
                .ends_with("unknown key jsn in expect of an ask: did you mean json?")
        );
        assert!(told("[[step]]\naks = \"counter/a\"\nsubject = \"add\"").ends_with("did you mean ask?"));
        assert!(told(&format!("descritpion = \"x\"\n{step}")).ends_with("did you mean description?"));
        assert!(told(&format!("{step}zzz = 1")).contains("it knows advance, ask, base64, "));
    }

    #[test]
    fn what_cannot_be_run_is_told_with_what_to_write() {
        let step = "[[step]]\nask = \"counter/a\"\nsubject = \"add\"\n";
        for (text, part) in [
            ("", "a scenario has 1 to"),
            ("[[step]]\n", "a step is one of ask, send"),
            ("[[step]]\nask = \"a/1\"\nstate = \"a/1\"", "ask and state are two steps"),
            ("[[step]]\nask = \"counter\"\nsubject = \"add\"", "write KIND/ID"),
            ("[[step]]\nask = \"sys-x/1\"\nsubject = \"add\"", "host's own"),
            ("[[step]]\nask = \"counter/a\"", "subject is missing"),
            ("[[step]]\nsend = \"a/1\"\nsubject = \"s\"\nexpect = {}", "make it an ask"),
            ("[[step]]\nadvance = \"soon\"", "500ms, 5s"),
            ("[[step]]\nadvance = 5", "this is integer, write a text"),
            ("[[step]]\ncrash = false", "leave it away"),
            ("[[step]]\nstate = \"a/1\"", "absent = true"),
            ("[[step]]\nsent = \"a/1\"", "expect = ["),
            ("[[step]]\ndead-letters = { count = -1 }", "0 or more"),
            (&format!("{step}json = 1\ntext = \"1\""), "not several"),
            (&format!("{step}base64 = \"?\""), "base64"),
            (&format!("{step}file = \"none\""), "file none"),
            (&format!("{step}json = 1979-05-27"), "no dates"),
            (&format!("{step}headers = {{ Hydra-Sender = \"x\" }}"), "Hydra-Sender"),
            (&format!("{step}expect = {{ status = \"reply\" }}"), "none of replied"),
            (&format!("config = {{ step = 2 }}\n{step}"), "a table of texts"),
            (&format!("{step}[[stand-in]]\nto = \"a\""), "answer = {"),
            (&format!("{step}[[stand-in]]\nto = \"sys-x\"\nanswer = {{}}"), "host's own"),
            (&format!("{step}[[stand-in]]\nto = \"a/\"\nanswer = {{}}"), "to: "),
            (&format!("{step}[[stand-in]]\nto = \"a\"\nanswer = {{ status = \"refused\" }}"), "code is missing"),
            (&format!("{step}[[stand-in]]\nto = \"a\"\nanswer = {{ code = \"x\" }}"), "unknown key code"),
            ("step = 1", "a list of tables"),
            ("[[step]\n", "is not TOML"),
        ] {
            assert!(told(text).contains(part), "{text}: {}", told(text));
            assert!(told(text).starts_with("some.toml"), "{}", told(text));
        }
    }
}
