/**
 * A number that can be added to. Make it yours: `initial` is the state of a new actor, `handle` is what it does.
 */

import { Actor, refuse, reply } from "hydra-sdk";

/** One counter. `this.state` is all that stays between two messages. */
export default class Counter extends Actor {
  initial() {
    return { value: 0 };
  }

  handle(ctx, msg) {
    switch (msg.subject) {
      case "add":
        this.state.value += msg.json(Number.isSafeInteger);
        ctx.info(`${ctx.self} is now ${this.state.value}`);
        return reply(this.state.value);
      case "get":
        return reply(this.state.value);
      default:
        return refuse("unknown-subject", `${msg.subject}: try add, get`);
    }
  }

  describe() {
    return {
      about: "A number that can be added to.",
      subjects: {
        add: { about: "Adds a number, replies with the new value.", body: 5, reply: 12 },
        get: { about: "Replies with the value.", reply: 12 },
      },
    };
  }
}
