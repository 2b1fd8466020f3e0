//! Each sample does what its README says. Its test has its name; `counter_v2` stands in `versions`.

use anyhow::Result;
use hydra_tests::binary;
use hydra_tests::host::Host;
use serde_json::{Value, json};

#[tokio::test]
async fn counter() -> Result<()> {
    let host = Host::with(&["counter"])?;
    assert_eq!(host.hydra(&["ask", "counter/alice", "add", "5"])?, "5");
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":5}"#);
    assert_eq!(host.hydra(&["ask", "counter/alice", "add", "-7"])?, "-2");
    assert_eq!(host.hydra(&["ask", "counter/alice", "reset"])?, "");
    assert_eq!(host.hydra(&["ask", "counter/alice", "get"])?, "0");
    host.hydra(&["ask", "counter/alice", "delete"])?;
    assert!(host.refused(&["state", "get", "counter/alice"])?.contains("404"));
    assert_eq!(host.hydra(&["ask", "counter/alice", "add", "1"])?, "1", "a message begins it afresh");
    let refused = host.refused(&["ask", "counter/alice", "multiply", "2"])?;
    assert!(refused.contains("unknown-subject: multiply: try add, get, reset, delete"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn echo() -> Result<()> {
    let host = Host::with(&["echo"])?;
    let folder = tempfile::tempdir()?;
    let every_byte: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    std::fs::write(folder.path().join("picture.png"), &every_byte)?;
    let mut command =
        host.command(&["ask", "echo/1", "anything", "@picture.png", "--header", "content-type:image/png"])?;
    assert_eq!(command.current_dir(folder.path()).output()?.stdout, every_byte);

    let largest = vec![0xff; 262_144];
    for body in [Vec::new(), every_byte, largest] {
        let answer = host.ask("echo/1/any.thing", body.clone()).await?;
        assert_eq!((answer.status().as_u16(), answer.bytes().await?.to_vec() == body), (200, true), "{}", body.len());
    }
    let ask = |name: &'static str| host.request(reqwest::Method::POST, "/v1/actors/echo/1/x").header(name, "a/b");
    let headers = ask("Content-Type").header("X-Own", "1").send().await?.headers().clone();
    assert_eq!((&headers["content-type"], &headers["x-own"]), (&"a/b".parse()?, &"1".parse()?));
    Ok(())
}

#[tokio::test]
async fn transfer() -> Result<()> {
    let host = Host::with(&["transfer"])?;
    let mut events = host.events().await?;
    let booked = |event: &Value| event["actor"] == "transfer/bob" && event["subject"] == "credit";
    assert_eq!(host.hydra(&["ask", "transfer/alice", "open", r#"{"amount":100}"#])?, "100");
    let receipt = host.hydra(&["ask", "transfer/alice", "transfer", r#"{"to":"bob","amount":30}"#])?;
    assert_eq!(serde_json::from_str::<Value>(&receipt)?, json!({ "number": 1, "balance": 70 }));
    assert_eq!(events.next(booked).await?["outcome"], "done");
    assert_eq!(host.hydra(&["ask", "transfer/bob", "balance"])?, "30");
    assert_eq!(host.hydra(&["ask", "transfer/alice", "balance"])?, "70");

    let poor = host.refused(&["ask", "transfer/bob", "transfer", r#"{"to":"alice","amount":31}"#])?;
    assert!(poor.contains("insufficient-funds"), "{poor}");
    // Money comes from accounts only: a caller cannot pretend to be one.
    let forged = host.request(reqwest::Method::POST, "/v1/actors/transfer/bob/credit");
    let forged = forged.header("Hydra-Sender", "transfer/alice").header("Hydra-Message", "transfer/alice:0d.1:1:0");
    let forged = forged.body(r#"{"transfer":"x","number":2,"amount":1}"#).send().await?;
    assert_eq!(forged.status(), 422);
    assert_eq!(forged.json::<Value>().await?["code"], "not-an-account");
    let account = host.reply("transfer/bob/account", "").await?;
    assert_eq!((&account["doubled"], &account["missed"], &account["received"]), (&json!(0), &json!(0), &json!(30)));
    Ok(())
}

#[tokio::test]
async fn reminder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let start = || Host::start(&folder.path().join("store"), &["--durability", "os"]);
    let host = start()?;
    host.deploy("reminder", "reminder", None)?;
    let mut events = host.events().await?;
    let told = |event: &Value| event["actor"] == "reminder/alice" && event["subject"] == "timer:tea";
    host.hydra(&["ask", "reminder/alice", "in", r#"{"name":"tea","seconds":1,"text":"ready"}"#])?;
    host.hydra(&["ask", "reminder/alice", "every", r#"{"name":"far","seconds":86400,"text":"x"}"#])?;
    let calendar = r#"{"name":"up","cron":"0 9 * * MON-FRI","zone":"Europe/Berlin","text":"up!"}"#;
    host.hydra(&["ask", "reminder/alice", "at", calendar])?;
    assert_eq!(events.next(told).await?["outcome"], "done");
    let said: Value = serde_json::from_str(&host.hydra(&["ask", "reminder/alice", "told"])?)?;
    assert_eq!(said, json!([{ "name": "tea", "text": "ready", "missed": 0 }]));

    let listed: Value = serde_json::from_str(&host.hydra(&["timer", "ls", "reminder", "--json"])?)?;
    let names: Vec<&Value> = listed["timers"].as_array().into_iter().flatten().map(|timer| &timer["name"]).collect();
    assert_eq!(names, ["far", "up"]);
    assert!(host.hydra(&["timer", "show", "reminder/alice", "up"])?.contains("0 9 * * MON-FRI Europe/Berlin"));
    host.hydra(&["timer", "cancel", "reminder/alice", "far"])?;
    assert!(host.refused(&["timer", "cancel", "reminder/alice", "far"])?.contains("no timer"));
    let atlantis = calendar.replace("Europe/Berlin", "Europe/Atlantis");
    assert!(host.refused(&["ask", "reminder/alice", "at", &atlantis])?.contains("Europe/Atlantis"));

    // Due while no host runs: told by the next one.
    host.hydra(&["ask", "reminder/bob", "in", r#"{"name":"tea","seconds":1,"text":"late"}"#])?;
    host.kill()?;
    start()?.eventually(&["ask", "reminder/bob", "told"], |told| told.to_string().contains("late"))?;
    Ok(())
}

#[tokio::test]
async fn stock() -> Result<()> {
    let host = Host::with(&["stock"])?;
    host.hydra(&["ask", "stock/depot", "put", "100"])?;
    host.hydra(&["ask", "stock/shop", "supplier", "\"depot\""])?;
    assert_eq!(host.hydra(&["ask", "stock/shop", "take", "7"])?, r#"{"taken":7}"#);
    assert_eq!(host.hydra(&["ask", "stock/depot", "count"])?, "93");
    let short = host.hydra(&["ask", "stock/shop", "take", "1000"])?;
    assert!(short.contains(r#""taken":0"#) && short.contains("93 left, and no supplier"), "{short}");
    // A supplier that asks its own customer: nobody waits for ever.
    host.hydra(&["ask", "stock/depot", "supplier", "\"shop\""])?;
    let circle = host.hydra(&["ask", "stock/shop", "take", "1000", "--timeout", "60s"])?;
    assert!(circle.contains("does not answer") || circle.contains("taken\":0"), "{circle}");
    Ok(())
}

/// `poison`: its harmless side; what it does to a host is in `hostile`.
#[tokio::test]
async fn poison() -> Result<()> {
    let host = Host::with(&["poison"])?;
    assert_eq!(host.reply("poison/1/retry", "2").await?, 3, "the third try");
    for (subject, status, code) in [("refuse", 422, "refused"), ("fail", 422, "failed"), ("suspend", 503, "suspended")]
    {
        let answer = host.ask(&format!("poison/{subject}/{subject}"), "").await?;
        assert_eq!(answer.status(), status, "{subject}");
        assert_eq!(answer.json::<Value>().await?["code"], code, "{subject}");
    }
    assert_eq!(host.reply("poison/2/counts", "").await?, json!([0, 0]));
    let seen = host.reply("poison/2/probe", "").await?;
    assert_eq!((&seen["environment"], &seen["arguments"]), (&json!([]), &json!([])));
    for place in ["files", "password_file", "written_file", "network", "name_lookup"] {
        assert!(seen[place].as_str().is_some_and(|told| told.starts_with("denied")), "{place}: {seen}");
    }
    let mut unknown = host.command(&["ask", "poison/2", "unheard-of"])?;
    assert!(binary::run(&mut unknown)?.stderr.contains("try ok, counts"));
    Ok(())
}
