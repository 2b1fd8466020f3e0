/**
 * A rules engine whose rules are data: change what happens to an order without deploying anything.
 * Teaches: JSON in and out, checked in TypeScript; refusing with the place of a mistake; messages to other actors.
 * Each actor `rules/ID` has rules of its own, applied in their order.
 */

import { Actor, type Context, type Description, done, type Message, type Outcome, refuse, reply } from "hydra-sdk";

import { holds, isObject, type Json } from "./condition.ts";
import { type Rule, toRules } from "./rule.ts";

interface State {
  rules: Rule[];
  /** How often each rule applied, by name. */
  applied: Record<string, number>;
}

const EXAMPLE = [
  {
    name: "large order",
    when: { all: [{ field: "total", is: "above", value: 1000 }, { field: "country", is: "one-of", value: ["DE", "FR"] }] },
    labels: ["manual review"],
    sends: [{ to: "counter/large-orders", subject: "add", body: 1 }],
    last: true,
  },
];

export default class Rules extends Actor<State> {
  initial(): State {
    return { rules: [], applied: {} };
  }

  handle(ctx: Context, msg: Message): Outcome {
    switch (msg.subject) {
      case "set":
        return this.set(msg);
      case "apply":
        return this.apply(ctx, msg.json(isObject));
      case "get":
        return reply(this.state.rules);
      case "counts":
        return reply(this.state.applied);
      default:
        return refuse("unknown-subject", `${msg.subject}: try set, apply, get, counts`);
    }
  }

  /** Takes new rules, all or none; the counts of rules that stay are kept. */
  private set(msg: Message): Outcome {
    let rules: Rule[];
    try {
      rules = toRules(msg.json());
    } catch (error) {
      return refuse("bad-rules", (error as Error).message);
    }
    const { applied } = this.state;
    const counts = rules.map(({ name }): [string, number] => [name, Object.hasOwn(applied, name) ? applied[name] : 0]);
    this.state = { rules, applied: Object.fromEntries(counts) };
    return done();
  }

  /** Applies the rules to a fact: replies with their names and labels, and sends what they say. */
  private apply(ctx: Context, fact: Json): Outcome {
    const applied: string[] = [];
    const labels = new Set<string>();
    for (const rule of this.state.rules) {
      if (!holds(rule.when, fact)) continue;
      applied.push(rule.name);
      this.state.applied[rule.name] += 1;
      for (const label of rule.labels) labels.add(label);
      for (const { to, subject, body } of rule.sends) ctx.send(to, subject, body ?? fact);
      if (rule.last) break;
    }
    return reply({ applied, labels: [...labels] });
  }

  describe(): Description {
    return {
      about: "Applies rules, given as JSON, to facts.",
      subjects: {
        set: { about: "Takes these rules instead of those before.", body: EXAMPLE },
        apply: {
          about: "Applies the rules to a fact.",
          body: { total: 1200, country: "DE" },
          reply: { applied: ["large order"], labels: ["manual review"] },
        },
        get: { about: "Replies with the rules.", reply: EXAMPLE },
        counts: { about: "Replies with how often each rule applied.", reply: { "large order": 1 } },
      },
    };
  }
}
