/**
 * What an author extends: the actor, and how its state becomes bytes.
 * Called by `turn.js`; calls nobody. Never holds anything from one turn to the next: each turn gets a new instance.
 */

import { fromJson } from "./bytes.js";

/** @typedef {Uint8Array} Bytes */

/**
 * An actor. `this.state` is read before a turn and stored after it; keep nothing elsewhere: other fields, module
 * variables and the heap may be gone at the next message.
 *
 * @template State
 * @abstract
 */
export class Actor {
  constructor() {
    /**
     * The state, for reading, changing and replacing during a turn.
     * @type {State}
     */
    this.state = /** @type {State} */ (undefined);
  }

  /**
   * The state of a new actor.
   * @abstract
   * @returns {State}
   */
  initial() {
    throw new TypeError(`${this.constructor.name} has no method initial(): it returns the state of a new actor`);
  }

  /**
   * Handles one message. A failure, returned or thrown, drops all that the turn did: changes of `this.state`, messages
   * sent, timers set. An error that is no `Failure` is logged with its stack, and the message is tried again.
   * Handlers are synchronous: there is nothing to wait for during a turn.
   * @abstract
   * @param {import("./context.js").Context} ctx what the actor can see and do
   * @param {import("./message.js").Message} msg what arrived
   * @returns {import("./outcome.js").Outcome}
   */
  handle(ctx, msg) {
    throw new TypeError(`${this.constructor.name} has no method handle(ctx, msg), for ${msg.subject} to ${ctx.self}`);
  }

  /**
   * Runs before the first message after this actor was created or slept, as part of the same turn.
   * An actor that has stored no state is new at every turn.
   * @param {import("./context.js").Context} _ctx
   * @returns {void}
   */
  activated(_ctx) {}

  /**
   * Turns state written under an older `state_version` of `actor.toml` into today's bytes or text.
   * Throw `fail(code, text)` for state that it does not know: the actor is suspended, its messages wait.
   * @param {number} _fromVersion
   * @param {Bytes} bytes
   * @returns {Bytes | string}
   */
  migrate(_fromVersion, bytes) {
    return bytes;
  }

  /**
   * The subjects it understands, with examples. Shown to whoever wants to talk to it.
   * @returns {import("./describe.js").Description}
   */
  describe() {
    return { about: "", subjects: {} };
  }

  /**
   * The bytes to store, or text, stored as UTF-8. Equal state should give equal bytes: only changed bytes are written.
   * JSON, unless overridden together with `decode`. What it throws ends the turn as `fail("state-does-not-encode")`.
   * @param {State} state
   * @returns {Bytes | string}
   */
  encode(state) {
    const text = JSON.stringify(state);
    if (text === undefined) throw new TypeError(`${typeof state} is no JSON`);
    return text;
  }

  /**
   * Reads stored bytes: JSON in which every field of `initial()` has a value of the same type. A field that may be
   * missing is one that `initial()` does not have. What it throws suspends the actor: its messages wait.
   * @param {Bytes} bytes
   * @returns {State}
   */
  decode(bytes) {
    const stored = fromJson(bytes);
    const difference = differs(stored, this.initial());
    if (difference) throw new TypeError(difference);
    return /** @type {State} */ (stored);
  }
}

/**
 * In what `stored` has another shape than `wanted`, looking one level deep; empty when it has the same.
 * @param {unknown} stored
 * @param {unknown} wanted
 * @returns {string}
 */
function differs(stored, wanted) {
  if (typeOf(stored) !== typeOf(wanted)) return `it is ${typeOf(stored)}, and a new one is ${typeOf(wanted)}`;
  if (typeOf(wanted) !== "object") return "";
  const fields = /** @type {Record<string, unknown>} */ (stored);
  for (const name in /** @type {Record<string, unknown>} */ (wanted)) {
    const type = typeOf(/** @type {Record<string, unknown>} */ (wanted)[name]);
    const found = typeOf(fields[name]);
    if (found !== type && type !== "null" && type !== "undefined") return `its ${name} is ${found} instead of ${type}`;
  }
  return "";
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function typeOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
