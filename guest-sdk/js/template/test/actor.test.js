/**
 * Runs the actor as it is, without a host and without Wasm: `npm test`.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { reply } from "hydra-sdk";
import { Harness } from "hydra-sdk/testing";

import Counter from "../src/actor.js";

test("it adds and keeps the sum", () => {
  const counter = new Harness(Counter, "{{name}}/alice");
  assert.deepEqual(counter.ask("add", 5).outcome, reply(5));
  assert.deepEqual(counter.ask("add", 7).outcome, reply(12));
  assert.deepEqual(counter.ask("get").outcome, reply(12));
  assert.deepEqual(counter.state, { value: 12 });
});

test("a refused message changes nothing", () => {
  const counter = new Harness(Counter, "{{name}}/alice");
  counter.send("add", 5);
  assert.equal(counter.ask("add", "five").faultCode, "body-does-not-decode");
  assert.deepEqual(counter.ask("get").outcome, reply(5));
});
