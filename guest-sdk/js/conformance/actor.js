/**
 * Does on demand all that an actor can do, as its siblings in other languages do; `../../conformance` says what that is.
 * Deployed by tests only.
 */

import { Actor, done, fail, later, refuse, reply, retry, suspend } from "hydra-sdk";

/** @extends {Actor<{ count: number }>} */
export default class Conformance extends Actor {
  initial() {
    return { count: 0 };
  }

  handle(ctx, msg) {
    switch (msg.subject) {
      case "count":
        this.state.count += 1;
        return reply(this.state.count);
      case "get":
        return reply(this.state.count);
      case "delete":
        ctx.delete();
        return done();
      case "echo":
        return reply(msg.body, msg.headers);
      case "large":
        return reply(new Uint8Array(msg.json(Number.isSafeInteger)).fill(0x78), { "content-type": "text/plain" });
      case "about":
        return reply([String(ctx.self), ctx.nowMs, msg.attempt, ctx.config("greeting")]);
      case "sender":
        return reply(msg.sender === undefined ? null : String(msg.sender));
      case "send": {
        const to = msg.text();
        ctx.send(to, "count");
        ctx.send(to, "note", "grüße 🐉");
        ctx.send(to, "echo", Uint8Array.of(0, 255, 10), { headers: { "x-order": "3" } });
        return done();
      }
      case "log":
        ctx.info(msg.text());
        return done();
      default:
        return this.waitAsAsked(ctx, msg);
    }
  }

  waitAsAsked(ctx, msg) {
    if (msg.timer !== undefined) return tell(ctx, [msg.timer, msg.text(), msg.missed, ctx.nowMs]);
    if (msg.answer) {
      const told = [msg.answer.ending, msg.answer.fault?.code ?? "", msg.text()];
      ctx.answer(new TextDecoder().decode(msg.answer.memo), told);
      return tell(ctx, told);
    }
    switch (msg.subject) {
      case "timers":
        ctx.setTimer("once", { afterMs: 2_000 }, "tea");
        ctx.setTimer("tick", { everyMs: 10_000 }, 10);
        ctx.setTimer("nightly", { cron: "0 3 * * *", zone: "Europe/Berlin" }, 3, { missed: "skip" });
        ctx.setTimer("gone", { afterMs: 1_000 });
        ctx.cancelTimer("gone");
        return done();
      case "cancel":
        ctx.cancelTimer("tick");
        return done();
      case "relay": {
        // The memo is all that it keeps of whoever asks it.
        if (!msg.replyToken) return refuse("nobody-waits", "ask, do not send");
        const [to, subject] = msg.text().split(" ");
        ctx.request(to, subject, undefined, { timeoutMs: 5_000, memo: new TextEncoder().encode(msg.replyToken) });
        return later();
      }
      case "wait":
        return later();
      case "answer":
        ctx.answer(msg.text(), 1);
        return done();
      case "told":
        return done();
      default:
        return this.failAsAsked(ctx, msg);
    }
  }

  /** Never ends well, and leaves traces first. */
  failAsAsked(ctx, msg) {
    this.state.count += 1_000;
    ctx.send(ctx.self, "count");
    switch (msg.subject) {
      case "refuse":
        return refuse("as-told", "so be it: ü");
      case "fail":
        return fail("as-told", "so be it: ü");
      case "suspend":
        return suspend("as-told", "so be it: ü");
      case "retry":
        if (msg.attempt <= 2) return retry("not-yet", "once more", 1);
        this.state.count -= 1_000;
        return reply(msg.attempt);
      case "trap":
        throw new Error("as asked");
      case "loop":
        for (;;);
      case "allocate":
        for (const kept = []; ; ) kept.push(new Uint8Array(1 << 16).fill(1));
      default:
        return refuse("unknown-subject", `${msg.subject}: see guest-sdk/conformance`);
    }
  }

  describe() {
    return { about: "Does on demand all that an actor can do.", subjects: {} };
  }
}

function tell(ctx, told) {
  ctx.send("conformance/log", "told", told);
  return done();
}
