/**
 * What an author may rely on, checked with the harness as an author would.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { Actor, done, fail, refuse, reply, retry, suspend } from "../src/index.js";
import { Harness } from "../src/testing.js";

/** @extends {Actor<{ entries: string[], activations: number, note?: string }>} */
class Book extends Actor {
  initial() {
    return { entries: [], activations: 0 };
  }

  /** @type {Actor<any>["handle"]} */
  handle(ctx, msg) {
    ctx.info(`${msg.subject} of ${ctx.self}`);
    switch (msg.subject) {
      case "write": {
        const entry = msg.json((value) => typeof value === "string");
        ctx.send("mail/desk", "written", entry);
        this.state.entries.push(entry);
        return reply(this.state.entries.length);
      }
      case "fail":
        this.state.entries.push("lost");
        ctx.send("mail/desk", "written", "lost");
        throw /** @type {any} */ ({ refuse, fail, suspend, retry })[msg.text()]("no", "as asked");
      case "count":
        return reply(this.state.entries.length);
      case "activations":
        return reply(this.state.activations);
      case "forget":
        ctx.delete();
        return done();
      case "context":
        return reply([
          ctx.nowMs,
          [...ctx.random(9)],
          [...ctx.random(9)],
          ctx.config("colour"),
          Date.now(),
          new Date().getTime(),
          Math.random(),
        ]);
      case "who":
        return reply([msg.sender?.toString() ?? null, msg.id, msg.attempt, msg.headers.get("X-Mark") ?? null]);
      case "console":
        console.log("a", { b: 1 }, undefined, 2n);
        console.error(new Error("seen"));
        return done();
      case "bug":
        this.state.entries.push("lost");
        throw new RangeError("a bug");
      case "promise":
        return /** @type {any} */ (Promise.resolve(done()));
      case "nothing":
        return /** @type {any} */ (undefined);
      case "bigint":
        return reply(2n ** 64n);
      case "bytes":
        return reply(msg.body, { "content-type": "image/png" });
      default:
        return refuse("unknown-subject", `${msg.subject}: try write, count`);
    }
  }

  /** @override */
  activated() {
    this.state.activations += 1;
  }
}

const book = () => new Harness(Book, "book/1");

test("a turn stores state and sends", () => {
  const harness = book();
  const turn = harness.send("write", "first");
  assert.deepEqual(turn.outcome, reply(1));
  assert.equal(`${turn.sends[0].to}`, "mail/desk");
  assert.equal(turn.sends[0].json(), "first");
  assert.deepEqual(turn.logs, [{ level: "info", text: "write of book/1" }]);
  assert.deepEqual(harness.state, { entries: ["first"], activations: 1 });
  assert.equal(new TextDecoder().decode(harness.stateBytes), '{"entries":["first"],"activations":1}');
});

test("a failing turn leaves state and sends untouched, but its logs stay", () => {
  for (const type of ["refuse", "fail", "retry", "suspend"]) {
    const harness = book();
    harness.send("write", "first");
    const turn = harness.deliver({ subject: "fail", body: type });
    assert.equal(/** @type {any} */ (turn.outcome).type, type);
    assert.deepEqual([turn.faultCode, turn.sends, turn.stateChanged, turn.logs.length], ["no", [], false, 1]);
    assert.deepEqual(harness.state?.entries, ["first"]);
  }
});

test("unchanged state is not written, and a reader does not create an actor", () => {
  const harness = book();
  harness.send("write", "first");
  assert.equal(harness.send("count").stateChanged, false);
});

test("a body that does not decode is refused", () => {
  assert.equal(book().deliver({ subject: "write", body: Uint8Array.of(0xff, 0) }).faultCode, "body-does-not-decode");
  assert.equal(book().deliver({ subject: "write", body: "{" }).faultCode, "body-does-not-decode");
  const turn = book().send("write", 5);
  assert.match(String(turn.outcome), /write wants a body of JSON; these 1 bytes are not: they have another shape/);
});

test("state that does not decode suspends", () => {
  for (const [bytes, why] of [
    ['{"other":1}', "its entries is undefined instead of array"],
    ['{"entries":[],"activations":"one"}', "its activations is string instead of number"],
    ["[]", "it is array, and a new one is object"],
    ["{", "JSON"],
    ["\u00ff".repeat(3), "not valid JSON"],
  ]) {
    const harness = book();
    harness.stateBytes = new TextEncoder().encode(bytes);
    const turn = harness.send("count");
    assert.equal(/** @type {any} */ (turn.outcome).type, "suspend");
    assert.equal(turn.faultCode, "state-does-not-decode");
    assert.ok(String(turn.outcome).includes(why), String(turn.outcome));
    assert.equal(new TextDecoder().decode(harness.stateBytes), bytes);
  }
});

test("a field that a new actor does not have may be there", () => {
  const harness = book();
  harness.state = { entries: [], activations: 1, note: "kept" };
  assert.equal(harness.send("write", "x").faultCode, undefined);
  assert.equal(harness.state?.note, "kept");
});

test("a deleted actor begins anew", () => {
  const harness = book();
  harness.send("write", "first");
  assert.deepEqual(harness.send("forget").outcome, done());
  assert.equal(harness.stateBytes, undefined);
  assert.equal(harness.send("count").reply(), 0);
});

test("activated runs before the first message after sleep", () => {
  const harness = book();
  assert.equal(harness.send("activations").reply(), 1);
  assert.equal(harness.send("activations").reply(), 1);
  harness.sleep();
  assert.equal(harness.send("activations").reply(), 2);
});

test("clock, randomness and config are the test's", () => {
  const [first, second] = [book(), book()];
  for (const harness of [first, second]) {
    harness.nowMs = 42;
    harness.config.set("colour", "green");
  }
  const seen = first.send("context").reply();
  assert.deepEqual(second.send("context").reply(), seen, "equal in every run");
  assert.deepEqual([seen[0], seen[1].length, seen[3], seen[4], seen[5]], [42, 9, "green", 42, 42]);
  assert.notDeepEqual(seen[1], seen[2], "never drawn twice");
  assert.ok(seen[6] >= 0 && seen[6] < 1);
  second.randomSeed = 7;
  const other = second.send("context").reply();
  assert.notDeepEqual(other[1], seen[1]);
  assert.notEqual(other[6], seen[6]);
  assert.ok(Date.now() > 1e12 && new Date() instanceof Date, "the test's own clock is back");
});

test("a message says where it comes from", () => {
  const turn = book().deliver({ subject: "who", sender: "mail/desk", id: "m-1", attempt: 3, headers: { "x-mark": "red" } });
  assert.deepEqual(turn.reply(), ["mail/desk", "m-1", 3, "red"]);
  assert.deepEqual(book().send("who").reply(), [null, "test:1", 1, null]);
});

test("console lines are log lines", () => {
  const { logs } = book().send("console");
  assert.deepEqual(logs[1], { level: "info", text: 'a {"b":1} undefined 2' });
  assert.equal(logs[2].level, "error");
  assert.match(logs[2].text, /^Error: seen\n.*at /s);
});

test("an uncaught error comes out, and nothing of the turn remains", () => {
  const harness = book();
  harness.send("write", "first");
  assert.throws(() => harness.send("bug"), /a bug/);
  assert.deepEqual(harness.state?.entries, ["first"]);
  assert.throws(() => harness.send("promise"), /returned a promise/);
  assert.throws(() => harness.send("nothing"), /returned nothing: return done\(\)/);
});

test("a crash before the commit leaves nothing", () => {
  const harness = book();
  harness.crashNext();
  assert.deepEqual(harness.send("write", "first").outcome, reply(1));
  assert.equal(harness.stateBytes, undefined);
  assert.deepEqual(harness.deliver({ subject: "write", value: "first", attempt: 2 }).outcome, reply(1));
  assert.deepEqual(harness.state?.entries, ["first"]);
});

test("values that cannot be JSON fail, bytes go as they are", () => {
  assert.equal(book().send("bigint").faultCode, "reply-does-not-encode");
  const turn = book().deliver({ subject: "bytes", value: Uint8Array.of(0, 255) });
  assert.deepEqual(turn.outcome, reply(Uint8Array.of(0, 255), [["content-type", "image/png"]]));
});

/** State in a format of its own: a byte, and no JSON. @extends {Actor<number>} */
class Raw extends Actor {
  initial() {
    return 0;
  }

  handle() {
    this.state += 1;
    return done();
  }

  /** @override @param {number} state */
  encode(state) {
    return Uint8Array.of(state);
  }

  /** @override @param {Uint8Array} bytes */
  decode(bytes) {
    if (bytes.length !== 1) throw new Error(`${bytes.length} bytes instead of 1`);
    return bytes[0];
  }

  /** @override @param {number} fromVersion @param {Uint8Array} bytes */
  migrate(fromVersion, bytes) {
    if (fromVersion === 1) return Uint8Array.of(Number(new TextDecoder().decode(bytes)));
    throw fail("unknown-version", `version ${fromVersion}`);
  }
}

test("another codec chooses the bytes", () => {
  const harness = new Harness(Raw, "raw/1");
  harness.send("count");
  assert.deepEqual(harness.stateBytes, Uint8Array.of(1));
  harness.stateBytes = Uint8Array.of(1, 2);
  assert.equal(harness.send("count").faultCode, "state-does-not-decode");
});

test("old state migrates or stays", () => {
  const harness = new Harness(Raw, "raw/1");
  harness.stateBytes = new TextEncoder().encode("9");
  assert.throws(() => harness.migrate(0), { code: "unknown-version" });
  harness.migrate(1);
  assert.deepEqual(harness.stateBytes, Uint8Array.of(9));
});
