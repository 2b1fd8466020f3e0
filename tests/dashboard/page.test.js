// What the dashboard shows and asks for, in a real browser, as a real host serves it, so with its policy.
// First with all that the host tells; then with answers of the test's own in place of the API's: hostile names, a token, a host
// that is away. Needs what host.js and browser.js need.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser } from "./browser.js";
import { start } from "./host.js";

// What does not happen within this time does not happen.
const timeout = 60_000;
const HOSTILE = "counter/<script>alert(1)</script>";
const TOKEN = "0123456789abcdef";

const ANSWERS = {
  "/readyz": { status: "ready" },
  "/version": { version: "9.9.9" },
  "/v1/kinds": { kinds: [{ kind: "broken", versions: 3, current: { number: 3, deployed: 0 }, trouble: "no such import" }] },
  "/v1/buckets": {
    node: "node-1", time: 60_000, parked: [{ actor: HOSTILE, messages: 7, status: "suspended", reason: { code: "held", text: "look" } }],
    buckets: [{ node: "node-1", waiting_since: 50_000, parked: 1 }, { node: null, waiting_since: null, parked: 0 }],
  },
  "/v1/actors?status=suspended&limit=50": { actors: [], next: null },
  "/v1/dead-letters?limit=50": {
    dead_letters: [{ id: "00.1:7", actor: HOSTILE, subject: "add", reason: "trap", text: "<b>no</b>", time: 0 }], next: 7,
  },
  "/v1/turns?order=slowest&limit=50": {
    actors: [{ actor: "counter/slow", slowest_micros: 12_345, failed: 1, turns: 16, outcome: "done" }],
  },
  "/v1/turns?order=failing&limit=50": { actors: [] },
  "/v1/timers?limit=50": { timers: [{ actor: "clock/a", name: "tea", schedule: "every 5 ms", due: 0 }], next: null },
  "/v1/actors?limit=50": { actors: [{ actor: "counter/a", status: "active", state_bytes: 3, committed: 0 }], next: null },
};

let host;
let browser;
before(async () => ([host, browser] = await Promise.all([start(), Browser.start()])), { timeout });
after(() => Promise.all([host?.end(), browser?.close()]));

// Opens the dashboard; the page itself comes from the host, what it asks for from `answers`.
function open(answers = ANSWERS, admits = () => true) {
  return browser.open(`${host.url}/dashboard`, (path, headers) => {
    if (path === "/dashboard") return undefined;
    if (path.startsWith("/v1/") && !admits(headers)) return { status: 401 };
    return answers[path] ? { status: 200, json: answers[path] } : { status: 404, json: { detail: `no ${path}` } };
  });
}

const click = (text) =>
  `[...document.querySelectorAll("button")].find((button) => button.textContent === ${JSON.stringify(text)}).click()`;

test("kinds, actors, timers, dead letters and an actor's turns of a real host", { timeout }, async () => {
  await host.hydra("deploy", "sample-actors/target/wasm32-wasip2/release/counter.wasm", "--kind", "counter");
  await host.hydra("ask", "counter/alice", "add", "5");
  await host.hydra("deploy", "sample-actors/target/wasm32-wasip2/release/reminder.wasm", "--kind", "reminder");
  await host.hydra("ask", "reminder/bob", "in", JSON.stringify({ name: "tea", seconds: 3600, text: "it is ready" }));
  await host.hydra("send", "counter/alice", "add", "five");
  const page = await browser.open(`${host.url}/dashboard`);
  for (const text of ["serves", "Kinds (2)", "1 of 1", "Dead letters (1)", "Timers (1)", "tea", "counter/alice"]) {
    await page.shows(text);
  }
  await page.value(click("counter/alice"));
  for (const text of ["Last turns of counter/alice", "replied"]) await page.shows(text);
  assert.deepEqual(page.complaints, [], "the host's own policy and script are at peace");
});

test("everything is shown, and a hostile name is text", { timeout }, async () => {
  const page = await open();
  for (const text of [
    "node-1", "serves", "does not load: no such import", "1 of 2", "10.0 s", HOSTILE, "trap: <b>no</b>", "Dead letters (1+)",
    "12.3 ms", "1 of 16", "tea", "3 bytes", "none waits for a human",
  ]) await page.shows(text);
  assert.equal(await page.value(`document.querySelectorAll("main script, main b").length`), 0);
  assert.ok(page.asked.every(({ headers }) => headers.Authorization === undefined));
});

test("the browser lets nothing into the page but what stands in it", { timeout }, async () => {
  const page = await open();
  await page.shows("serves");
  const markup = `try { document.body.innerHTML = "<b>x</b>"; "made" } catch (error) { error.name }`;
  assert.equal(await page.value(markup), "TypeError");
  const elsewhere = `fetch("http://127.0.0.1:9/").then(() => "sent", () => "refused")`;
  assert.equal(await page.value(elsewhere), "refused");
  const script = `new Promise((done) => {
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => done(effectiveDirective), { once: true });
    const made = document.createElement("img");
    made.src = "/readyz";
    document.body.append(made);
  })`;
  assert.equal(await page.value(script), "img-src");
  assert.ok(page.asked.every(({ path }) => path !== "/"), "nothing was asked elsewhere");
});

test("an actor's turns are shown when it is chosen, its name escaped in the path", { timeout }, async () => {
  const history = "/v1/actors/counter/%3Cscript%3Ealert(1)%3C%2Fscript%3E/history";
  const turn = { time: 0, subject: "add", outcome: "broken", attempt: 2, micros: 999, node: "node-1", problem: "trap: no", trace: null };
  const page = await open({ ...ANSWERS, [history]: { actor: HOSTILE, turns: [turn], silent: ["node-2"] } });
  await page.shows(HOSTILE);
  await page.value(click(HOSTILE));
  for (const text of [`Last turns of ${HOSTILE} (no answer from node-2)`, "999 µs", "trap: no"]) await page.shows(text);
  assert.ok(page.asked.some(({ path }) => path === history));
});

test("a host with a token is asked with what the form was given, and nothing is shown before", { timeout }, async () => {
  const page = await open(ANSWERS, ({ Authorization }) => Authorization === `Bearer ${TOKEN}`);
  await page.shows("wants its token");
  assert.equal(await page.value(`document.getElementById("page").childElementCount`), 0);
  await page.value(`document.getElementById("token").value = "${TOKEN}"; document.querySelector("#ask input[type=submit]").click()`);
  await page.shows("Dead letters");
  const kept = await page.value(`[sessionStorage.getItem("hydra-token"), document.getElementById("token").value, document.getElementById("ask").hidden]`);
  assert.deepEqual(kept, [TOKEN, "", true]);
});

test("a host that is away is said to be, and what was shown stays", { timeout }, async () => {
  const answers = { ...ANSWERS };
  const page = await open(answers);
  await page.shows("Dead letters");
  delete answers["/v1/kinds"];
  await page.shows("not reached: no /v1/kinds");
  assert.ok((await page.value(`document.body.innerText`)).includes("Dead letters"));
});
