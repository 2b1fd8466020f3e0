/**
 * One rule: a name, when it applies, and what it does then. Read from JSON, with every mistake named by its place.
 * Pure: called by `actor.ts`.
 */

import { type Condition, isObject, type Json, toCondition } from "./condition.ts";

/** What a rule does: labels for the reply, messages to other actors, and whether the rules after it are left out. */
export interface Rule {
  name: string;
  when: Condition;
  labels: string[];
  sends: Message[];
  last: boolean;
}

/** A message to another actor; without a body the fact itself is sent. */
interface Message {
  to: string;
  subject: string;
  body?: Json;
}

/** Most rules of one actor. */
export const RULES_MAX = 200;
/** Most labels, and most messages, of one rule. */
const PARTS_MAX = 16;

/** Reads all rules; throws an Error that names the place of the first mistake. */
export function toRules(value: unknown): Rule[] {
  if (!Array.isArray(value)) throw new Error("rules are a list");
  if (value.length > RULES_MAX) throw new Error(`${value.length} rules, at most ${RULES_MAX}`);
  const rules = value.map((rule, index) => toRule(rule, `[${index}]`));
  const names = new Set(rules.map((rule) => rule.name));
  if (names.size !== rules.length) throw new Error("two rules have the same name");
  return rules;
}

function toRule(value: unknown, place: string): Rule {
  if (!isObject(value)) throw new Error(`${place} is no object`);
  const { name, when, labels = [], sends = [], last = false } = value;
  if (typeof name !== "string" || name === "") throw new Error(`${place}.name is no text`);
  if (typeof last !== "boolean") throw new Error(`${place}.last is neither true nor false`);
  return {
    name,
    when: toCondition(when, `${place}.when`),
    labels: parts(labels, `${place}.labels`, toText),
    sends: parts(sends, `${place}.sends`, toMessage),
    last,
  };
}

function parts<Part>(value: Json, place: string, read: (part: Json, place: string) => Part): Part[] {
  if (!Array.isArray(value)) throw new Error(`${place} is no list`);
  if (value.length > PARTS_MAX) throw new Error(`${place} has ${value.length} parts, at most ${PARTS_MAX}`);
  return value.map((part, index) => read(part, `${place}[${index}]`));
}

function toMessage(value: Json, place: string): Message {
  if (!isObject(value)) throw new Error(`${place} is no object`);
  const { to, subject, body } = value;
  return { to: toText(to, `${place}.to`), subject: toText(subject, `${place}.subject`), body };
}

function toText(value: Json | undefined, place: string): string {
  if (typeof value !== "string" || value === "") throw new Error(`${place} is no text`);
  return value;
}
