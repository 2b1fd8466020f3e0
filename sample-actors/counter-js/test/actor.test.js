/**
 * The behaviour that all counters share, natively.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { done } from "hydra-sdk";
import { Harness } from "hydra-sdk/testing";

import Counter from "../src/actor.js";

const MAX = 2n ** 63n - 1n;

const counter = () => new Harness(Counter, "counter/alice");
const stored = (harness) => harness.stateBytes && new TextDecoder().decode(harness.stateBytes);
const replied = (turn) => new TextDecoder().decode(turn.outcome.body);

test("it adds and keeps the sum", () => {
  const harness = counter();
  assert.equal(harness.ask("add", 5).reply(), 5);
  assert.equal(harness.ask("add", -7).reply(), -2);
  assert.equal(harness.ask("get").reply(), -2);
  assert.equal(stored(harness), '{"value":-2}');
});

test("reading a new counter does not create it", () => {
  const harness = counter();
  assert.equal(harness.ask("get").reply(), 0);
  assert.equal(stored(harness), undefined);
});

test("it is exact to 64 bits, and a sum that does not fit is refused", () => {
  const harness = counter();
  assert.equal(replied(harness.deliver({ subject: "add", body: `${MAX - 1n}` })), `${MAX - 1n}`);
  assert.equal(replied(harness.ask("add", 1)), `${MAX}`);
  assert.equal(harness.ask("add", 1).faultCode, "overflow");
  assert.equal(stored(harness), `{"value":${MAX}}`);
  assert.equal(harness.deliver({ subject: "add", body: `${MAX + 1n}` }).faultCode, "body-does-not-decode");
});

test("reset keeps the actor and delete forgets it", () => {
  const harness = counter();
  harness.send("add", 5);
  assert.deepEqual(harness.ask("reset").outcome, done());
  assert.equal(stored(harness), '{"value":0}');
  assert.deepEqual(harness.ask("delete").outcome, done());
  assert.equal(stored(harness), undefined);
});

test("what it does not understand is refused, and what it cannot read suspends it", () => {
  const harness = counter();
  assert.equal(harness.send("multiply", 2).faultCode, "unknown-subject");
  for (const body of ["five", "1.5", '"5"', "", "null"]) {
    assert.equal(harness.deliver({ subject: "add", body }).faultCode, "body-does-not-decode", body);
  }
  harness.stateBytes = new TextEncoder().encode('{"total":7}');
  assert.equal(harness.send("get").faultCode, "state-does-not-decode");
});
