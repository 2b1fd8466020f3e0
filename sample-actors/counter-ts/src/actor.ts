/**
 * A number that can be added to, exact to 64 bits as the counters in other languages are.
 * Teaches: replies, refusing, forgetting an actor, describing it; and integers beyond 2^53, which JavaScript's numbers
 * and its JSON are not good for: the state is a BigInt, with an `encode` and a `decode` of its own.
 */

import { Actor, type Context, type Description, done, type Message, type Outcome, refuse, reply } from "hydra-sdk";

const INTEGER = /^\s*(-?\d+)\s*$/;
const STATE = /^\s*\{\s*"value"\s*:\s*(-?\d+)\s*\}\s*$/;

interface State {
  value: bigint;
}

export default class Counter extends Actor<State> {
  initial(): State {
    return { value: 0n };
  }

  handle(ctx: Context, msg: Message): Outcome {
    switch (msg.subject) {
      case "add": {
        const sum = this.state.value + integerIn(msg);
        if (!fits(sum)) {
          return refuse("overflow", `${this.state.value} is the value, and the sum does not fit 64 bits`);
        }
        this.state.value = sum;
        return replyInteger(sum);
      }
      case "get":
        return replyInteger(this.state.value);
      case "reset":
        this.state.value = 0n;
        return done();
      case "delete":
        ctx.delete();
        return done();
      default:
        return refuse("unknown-subject", `${msg.subject}: try add, get, reset, delete`);
    }
  }

  encode({ value }: State): string {
    return `{"value":${value}}`;
  }

  decode(bytes: Uint8Array): State {
    const found = STATE.exec(new TextDecoder().decode(bytes));
    if (!found || !fits(BigInt(found[1]))) throw new Error('it is not {"value":INTEGER} of 64 bits');
    return { value: BigInt(found[1]) };
  }

  describe(): Description {
    return {
      about: "A number that can be added to.",
      subjects: {
        add: { about: "Adds a number, replies with the new value.", body: 5, reply: 12 },
        get: { about: "Replies with the value.", reply: 12 },
        reset: { about: "Sets the value to 0." },
        delete: { about: "Forgets this counter." },
      },
    };
  }
}

/** The integer in the body, as JSON writes it. */
function integerIn(msg: Message): bigint {
  const found = INTEGER.exec(msg.text());
  if (found && fits(BigInt(found[1]))) return BigInt(found[1]);
  throw refuse("body-does-not-decode", `${msg.subject} wants an integer of 64 bits; these ${msg.body.length} bytes are none`);
}

function replyInteger(value: bigint): Outcome {
  return reply(new TextEncoder().encode(String(value)), { "content-type": "application/json" });
}

function fits(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}
