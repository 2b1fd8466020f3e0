/**
 * A number that can be added to. Make it yours: `State` is what stays between two messages, `handle` is what it does.
 */

import { Actor, type Context, type Description, type Message, type Outcome, refuse, reply } from "hydra-sdk";

interface State {
  value: number;
}

/** One counter. `this.state` is all that stays between two messages. */
export default class Counter extends Actor<State> {
  initial(): State {
    return { value: 0 };
  }

  handle(ctx: Context, msg: Message): Outcome {
    switch (msg.subject) {
      case "add":
        this.state.value += msg.json<number>(Number.isSafeInteger);
        ctx.info(`${ctx.self} is now ${this.state.value}`);
        return reply(this.state.value);
      case "get":
        return reply(this.state.value);
      default:
        return refuse("unknown-subject", `${msg.subject}: try add, get`);
    }
  }

  describe(): Description {
    return {
      about: "A number that can be added to.",
      subjects: {
        add: { about: "Adds a number, replies with the new value.", body: 5, reply: 12 },
        get: { about: "Replies with the value.", reply: 12 },
      },
    };
  }
}
