/**
 * Timers, requests and later answers: what spans several turns of an actor.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { Actor, done, later, refuse, reply } from "../src/index.js";
import { Harness } from "../src/testing.js";

/**
 * Asks a bank on behalf of whoever asks it, and reminds itself.
 * @extends {Actor<{ waiting: Record<string, string>, ticks: string[] }>}
 */
class Clerk extends Actor {
  initial() {
    return { waiting: {}, ticks: [] };
  }

  /** @type {Actor<any>["handle"]} */
  handle(ctx, msg) {
    if (msg.timer !== undefined) {
      const missed = msg.missed === 0 ? "" : `+${msg.missed}`;
      this.state.ticks.push(`${msg.timer}@${ctx.nowMs - 1_700_000_000_000}=${msg.text()}${missed}`);
      return done();
    }
    if (msg.answer) {
      const { ending, fault, memo } = msg.answer;
      const text = ending === "replied" ? msg.json() : [ending, fault?.code ?? null, memo[0]];
      ctx.answer(this.state.waiting[msg.answer.token], text);
      delete this.state.waiting[msg.answer.token];
      return done();
    }
    switch (msg.subject) {
      case "balance": {
        if (!msg.replyToken) return refuse("nobody-waits", "ask, do not send");
        const token = ctx.request("bank/1", "get", { of: "alice" }, { timeoutMs: 1000, memo: Uint8Array.of(7) });
        this.state.waiting[token] = msg.replyToken;
        return later();
      }
      case "remind":
        ctx.setTimer("once", { afterMs: 500 }, "o");
        ctx.setTimer("often", { everyMs: 1000 }, "e");
        ctx.setTimer("at", { atMs: 1_700_000_000_700 });
        ctx.setTimer("nightly", { cron: "0 3 * * *", zone: "Europe/Berlin" }, undefined, { missed: "skip" });
        ctx.setTimer("never", { afterMs: 1 });
        ctx.cancelTimer("never");
        return done();
      case "badly":
        ctx.setTimer("x", { afterMs: 1.5 });
        return done();
      case "forget":
        ctx.delete();
        return done();
      default:
        return reply(this.state.ticks);
    }
  }
}

const clerk = () => new Harness(Clerk, "clerk/1");

test("a request is answered in a later turn", () => {
  const harness = clerk();
  const turn = harness.ask("balance");
  assert.deepEqual(turn.outcome, later());
  const [request] = turn.requests;
  assert.deepEqual([`${request.to}`, request.subject, request.timeoutMs, request.json()], ["bank/1", "get", 1000, { of: "alice" }]);
  const answered = harness.answer(request.token, 42);
  assert.deepEqual([answered.answers[0].replyToken, answered.answers[0].json()], ["reply-1", 42]);
  assert.deepEqual(harness.state?.waiting, {});
  assert.throws(() => harness.answer(request.token, 43), /no request request-1 waits: none does/);
});

test("a request can be refused, and times out", () => {
  const harness = clerk();
  const [first] = harness.ask("balance").requests;
  const fault = { code: "closed", text: "on Sundays" };
  assert.deepEqual(harness.endRequest(first.token, "refused", { fault }).answers[0].json(), ["refused", "closed", 7]);
  const [second] = harness.ask("balance").requests;
  assert.notEqual(second.token, first.token);
  assert.deepEqual(harness.advance(999), []);
  const [turn] = harness.advance(1);
  assert.deepEqual(turn.answers[0].json(), ["timed-out", null, 7]);
  assert.deepEqual(harness.advance(10_000), []);
});

test("what a failed turn asked for does not wait", () => {
  const harness = clerk();
  assert.equal(harness.send("balance").faultCode, "nobody-waits");
  assert.equal(harness.requests.size, 0);
});

test("timers fire in order, at their time, with their body", () => {
  const harness = clerk();
  const turn = harness.send("remind");
  assert.deepEqual(turn.timers.map(({ missed }) => missed).slice(2, 4), ["fire-once", "skip"]);
  assert.deepEqual([...harness.timers.keys()], ["once", "often", "at", "nightly"]);
  assert.equal(harness.advance(2100).length, 4);
  assert.deepEqual(harness.send("ticks").reply(), ['once@500="o"', "at@700=", 'often@1000="e"', 'often@2000="e"']);
  assert.deepEqual([...harness.timers.keys()], ["often", "nightly"]);
  harness.fire("nightly");
  assert.equal(harness.state?.ticks.at(-1), "nightly@2100=");
  harness.nowMs += 3000;
  harness.fire("often");
  assert.equal(harness.state?.ticks.at(-1), 'often@5100="e"+2');
  assert.equal(harness.advance(900).length, 1);
  assert.throws(() => harness.fire("once"), /no timer once is set: often, nightly/);
});

test("a deleted actor has no timers", () => {
  const harness = clerk();
  harness.send("remind");
  harness.send("forget");
  assert.equal(harness.timers.size, 0);
});

test("a time that is no whole number is a bug, said by name", () => {
  assert.throws(() => clerk().send("badly"), /afterMs is 1.5/);
});

/**
 * Pays somebody outside.
 * @extends {Actor<{ ended: unknown[] }>}
 */
class Payer extends Actor {
  initial() {
    return { ended: [] };
  }

  /** @type {Actor<any>["handle"]} */
  handle(ctx, msg) {
    if (msg.answer) this.state.ended.push([msg.status ?? null, msg.text()]);
    else ctx.http("payments", "POST", "/v1/charges", { cents: 5 }, { headers: { "x-a": "b" }, lane: msg.json() ?? undefined });
    return done();
  }
}

test("a call is a request to the host's connector", () => {
  const harness = new Harness(Payer, "payer/7");
  const [call] = harness.send("pay", null).requests;
  assert.deepEqual([`${call.to}`, call.subject, call.json()], ["sys-http/payments/payer/7", "post", { cents: 5 }]);
  assert.deepEqual([...call.headers], [["path", "/v1/charges"], ["content-type", "application/json"], ["x-a", "b"]]);
  harness.answerCall(call.token, 402);
  const [other] = harness.send("pay", "x").requests;
  assert.equal(other.to.id, "payments/x");
  harness.endRequest(other.token, "failed", { fault: { code: "unreachable", text: "" } });
  assert.deepEqual(harness.state?.ended, [[402, ""], [null, ""]]);
  const long = new Harness(Payer, `payer/${"\u00f6".repeat(128)}`);
  assert.ok(new TextEncoder().encode(long.send("pay", null).requests[0].to.id).length <= 256);
});
