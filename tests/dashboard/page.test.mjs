// What the dashboard shows and asks for, with the page's own script run on a small document: text, structure and requests.
// The document knows no markup on purpose: a page that made any would break here. Layout and the browser's own enforcement of
// the policy are not tested; the policy itself is, in host/src/http/dashboard.rs. Needs Node.js 20 and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const page = readFileSync(new URL("../../host/src/http/dashboard.html", import.meta.url), "utf8");
const script = page.split("<script>")[1].split("</script>")[0];
const HOSTILE = "counter/<script>alert(1)</script>";

// As much of an element as the page uses.
class Element {
  constructor(name) {
    Object.assign(this, { name, children: [], hidden: false, className: "", value: "", listeners: {} });
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  addEventListener(event, listener) {
    this.listeners[event] = listener;
  }
  set textContent(text) {
    this.children = [text];
  }
  get textContent() {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join(" ");
  }
  all(name) {
    const below = this.children.filter((child) => child instanceof Element).flatMap((child) => child.all(name));
    return this.name === name ? [this, ...below] : below;
  }
}

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

// Runs the page's script; tells its elements, what it asked for, and how to wait until it has shown what it was told.
async function open({ answers = ANSWERS, token = null } = {}) {
  const elements = {}, asked = [], kept = {}, ticks = [];
  const get = (id) => (elements[id] ??= new Element(id));
  get("ask").hidden = true;
  const fetch = async (path, { headers }) => {
    asked.push({ path, headers });
    if (token !== null && headers.Authorization !== `Bearer ${token}` && path.startsWith("/v1/")) return { status: 401 };
    const told = answers[path];
    return { status: told ? 200 : 404, ok: told !== undefined, json: async () => told ?? { detail: `no ${path}` } };
  };
  const sessionStorage = { getItem: (key) => kept[key] ?? null, setItem: (key, value) => (kept[key] = value) };
  const document = { getElementById: get, createElement: (name) => new Element(name), hidden: false };
  const setInterval = (work) => ticks.push(work);
  vm.runInNewContext(script, { document, fetch, sessionStorage, setInterval, encodeURIComponent });
  const settled = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((done) => setImmediate(done));
  };
  await settled();
  return { get, asked, kept, ticks, settled };
}

test("everything is shown, and a hostile name is text", async () => {
  const { get, asked } = await open();
  assert.equal(get("node").textContent, "node-1");
  assert.equal(get("state").textContent, "serves");
  const shown = get("page").textContent;
  for (const part of [
    "does not load: no such import", "1 of 2", "10.0 s", HOSTILE, "trap: <b>no</b>", "Dead letters (1+)", "12.3 ms", "1 of 16", "tea",
    "3 bytes", "none waits for a human",
  ]) {
    assert.ok(shown.includes(part), `${part} is not in ${shown}`);
  }
  for (const never of ["script", "b"]) assert.deepEqual(get("page").all(never), []);
  assert.ok(asked.every(({ headers }) => headers.Authorization === undefined));
});

test("an actor's turns are shown when it is chosen, its name escaped in the path", async () => {
  const history = "/v1/actors/counter/%3Cscript%3Ealert(1)%3C%2Fscript%3E/history";
  const turn = { time: 0, subject: "add", outcome: "broken", attempt: 2, micros: 999, node: "node-1", problem: "trap: no", trace: null };
  const { get, asked, settled } = await open({
    answers: { ...ANSWERS, [history]: { actor: HOSTILE, turns: [turn], silent: ["node-2"] } },
  });
  get("page").all("button").find((button) => button.textContent === HOSTILE).listeners.click();
  await settled();
  assert.ok(asked.some(({ path }) => path === history));
  const shown = get("page").textContent;
  for (const part of [`Last turns of ${HOSTILE} (no answer from node-2)`, "999 µs", "trap: no"]) assert.ok(shown.includes(part), part);
});

test("a host with a token is asked with what the form was given, and nothing is shown before", async () => {
  const { get, asked, kept, ticks, settled } = await open({ token: "0123456789abcdef" });
  assert.equal(get("ask").hidden, false);
  assert.equal(get("page").textContent, "");
  const before = asked.length;
  ticks.forEach((tick) => tick());
  assert.equal(asked.length, before, "nobody is asked while the form waits");
  get("token").value = "0123456789abcdef";
  let prevented = false;
  get("ask").listeners.submit({ preventDefault: () => (prevented = true) });
  await settled();
  assert.ok(prevented && get("ask").hidden && get("page").textContent.includes("Dead letters"));
  assert.deepEqual([kept["hydra-token"], get("token").value], ["0123456789abcdef", ""]);
});

test("a host that is away is said to be, and what was shown stays", async () => {
  const answers = { ...ANSWERS };
  const { get, ticks, settled } = await open({ answers });
  delete answers["/v1/kinds"];
  ticks.forEach((tick) => tick());
  await settled();
  assert.match(get("state").textContent, /not reached: no \/v1\/kinds/);
  assert.ok(get("page").textContent.includes("Dead letters"));
});
