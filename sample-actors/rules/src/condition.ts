/**
 * When a rule applies: conditions as they stand in JSON, read once, then asked of each fact.
 * Pure: called by `rule.ts`. Never trusts what it reads: what is no condition throws, and says where it stands.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A path such as `customer.country` into the fact, and what must hold there. */
export type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | { field: string; is: Comparison; value?: Json };

const COMPARISONS = ["equal", "above", "below", "one-of", "containing", "present"] as const;
type Comparison = (typeof COMPARISONS)[number];

/** Deepest nesting of conditions. */
const DEPTH_MAX = 16;

/** Reads a condition; throws an Error that names its place, for example `when.all[1]`. */
export function toCondition(value: unknown, place: string, depth = 0): Condition {
  if (depth > DEPTH_MAX) throw new Error(`${place} is nested deeper than ${DEPTH_MAX}`);
  if (!isObject(value)) throw new Error(`${place} is no object`);
  const inner = (part: unknown, at: string): Condition => toCondition(part, `${place}.${at}`, depth + 1);
  const { all, any, not, field, is, value: wanted } = value;
  if (Array.isArray(all)) return { all: all.map((part, index) => inner(part, `all[${index}]`)) };
  if (Array.isArray(any)) return { any: any.map((part, index) => inner(part, `any[${index}]`)) };
  if (not !== undefined) return { not: inner(not, "not") };
  if (typeof field !== "string") throw new Error(`${place} has none of all, any, not, field`);
  const comparison = COMPARISONS.find((known) => known === is);
  if (!comparison) throw new Error(`${place}.is is ${JSON.stringify(is)}: try ${COMPARISONS.join(", ")}`);
  if (comparison !== "present" && wanted === undefined) throw new Error(`${place}.value is missing`);
  return { field, is: comparison, value: wanted };
}

/** Whether the condition holds for the fact. */
export function holds(condition: Condition, fact: Json): boolean {
  if ("all" in condition) return condition.all.every((part) => holds(part, fact));
  if ("any" in condition) return condition.any.some((part) => holds(part, fact));
  if ("not" in condition) return !holds(condition.not, fact);
  return compares(at(fact, condition.field), condition.is, condition.value);
}

function compares(found: Json | undefined, is: Comparison, wanted: Json | undefined): boolean {
  switch (is) {
    // Of two objects the fields must also come in the same order.
    case "equal":
      return JSON.stringify(found) === JSON.stringify(wanted);
    case "above":
      return typeof found === "number" && typeof wanted === "number" && found > wanted;
    case "below":
      return typeof found === "number" && typeof wanted === "number" && found < wanted;
    case "one-of":
      return Array.isArray(wanted) && wanted.some((one) => compares(found, "equal", one));
    case "containing":
      if (typeof found === "string") return typeof wanted === "string" && found.includes(wanted);
      return Array.isArray(found) && found.some((one) => compares(one, "equal", wanted));
    case "present":
      return found !== undefined && found !== null;
  }
}

/** The value at a path of names with dots between them; undefined when there is none. */
function at(fact: Json, path: string): Json | undefined {
  let value: Json | undefined = fact;
  for (const name of path.split(".")) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

/** Whether it is a JSON object. */
export function isObject(value: unknown): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
