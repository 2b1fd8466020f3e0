/**
 * The rules engine natively: what applies, what is sent, and how mistakes are told.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { done } from "hydra-sdk";
import { Harness } from "hydra-sdk/testing";

import Rules from "../src/actor.ts";
import { holds, type Json, toCondition } from "../src/condition.ts";

const RULES = [
  {
    name: "large",
    when: { all: [{ field: "total", is: "above", value: 1000 }, { not: { field: "customer.vip", is: "present" } }] },
    labels: ["review"],
    sends: [{ to: "counter/large", subject: "add", body: 1 }, { to: "counter/facts", subject: "keep" }],
  },
  { name: "stop", when: { field: "stop", is: "equal", value: true }, last: true },
  { name: "any", when: { any: [{ field: "total", is: "below", value: 5 }, { field: "total", is: "above", value: 5 }] }, labels: ["not five", "review"] },
];

function rules() {
  const harness = new Harness(Rules, "rules/orders");
  assert.deepEqual(harness.ask("set", RULES).outcome, done());
  return harness;
}

test("rules that hold apply, in their order", () => {
  const harness = rules();
  const turn = harness.ask("apply", { total: 1200 });
  assert.deepEqual(turn.reply(), { applied: ["large", "any"], labels: ["review", "not five"] });
  assert.deepEqual(turn.sends.map((sent) => [`${sent.to}`, sent.subject, sent.json()]), [
    ["counter/large", "add", 1],
    ["counter/facts", "keep", { total: 1200 }],
  ]);
  assert.deepEqual(harness.ask("apply", { total: 1200, customer: { vip: true } }).reply().applied, ["any"]);
  assert.deepEqual(harness.ask("apply", { total: 1, stop: true }).reply().applied, ["stop"]);
  assert.deepEqual(harness.ask("counts").reply(), { large: 1, stop: 1, any: 2 });
});

test("new rules keep the counts of those that stay", () => {
  const harness = rules();
  harness.send("apply", { total: 6 });
  harness.send("set", RULES.slice(2));
  assert.deepEqual(harness.ask("counts").reply(), { any: 1 });
  assert.equal(harness.ask("get").reply().length, 1);
});

test("a mistake is named by its place, and the rules before it stay", () => {
  for (const [value, text] of [
    [{}, "rules are a list"],
    [[{ name: "a" }], "[0].when is no object"],
    [[{ name: "a", when: { all: [{ field: "x", is: "near" }] } }], '[0].when.all[0].is is "near"'],
    [[{ name: "a", when: { field: "x", is: "above" } }], "[0].when.value is missing"],
    [[{ name: "a", when: { any: [] }, sends: [{ to: "x/1" }] }], "[0].sends[0].subject is no text"],
    [[RULES[1], RULES[1]], "two rules have the same name"],
  ] as [unknown, string][]) {
    const harness = rules();
    const turn = harness.ask("set", value);
    assert.equal(turn.faultCode, "bad-rules");
    assert.ok(String(turn.outcome).includes(text), String(turn.outcome));
    assert.equal(harness.ask("get").reply().length, RULES.length);
  }
  assert.equal(rules().deliver({ subject: "apply", body: "[1" }).faultCode, "body-does-not-decode");
  assert.equal(rules().ask("apply", 5).faultCode, "body-does-not-decode");
});

test("conditions compare as they say", () => {
  const fact: Json = { name: "tea pot", tags: ["hot", 2], size: { w: 1 }, none: null };
  for (const [condition, wanted] of [
    [{ field: "name", is: "containing", value: "pot" }, true],
    [{ field: "tags", is: "containing", value: 2 }, true],
    [{ field: "tags", is: "equal", value: ["hot", 2] }, true],
    [{ field: "size.w", is: "one-of", value: [1, 3] }, true],
    [{ field: "size.w.deeper", is: "present" }, false],
    [{ field: "none", is: "present" }, false],
    [{ field: "constructor", is: "present" }, false],
    [{ field: "name", is: "above", value: 1 }, false],
    [{ all: [] }, true],
    [{ any: [] }, false],
  ] as [unknown, boolean][]) {
    assert.equal(holds(toCondition(condition, "when"), fact), wanted, JSON.stringify(condition));
  }
  let nested: unknown = { all: [] };
  for (let depth = 0; depth < 20; depth += 1) nested = { not: nested };
  assert.throws(() => toCondition(nested, "when"), /nested deeper than 16/);
});
