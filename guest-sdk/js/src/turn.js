/**
 * One turn: state in, message handled, state out. The same code in the sandbox and in a test.
 * Called by `component/exports.js` and `testing.js`, calls the author's actor.
 * Never writes state that did not change, and never after a failure.
 */

import { isSame, raw } from "./bytes.js";
import { Context } from "./context.js";
import { Failure, fail, Success, suspend } from "./outcome.js";

/**
 * @template State
 * @typedef {new () => import("./actor.js").Actor<State>} ActorClass what an author exports
 */

/**
 * Handles one message. An error that is no `Failure` is logged with its stack, then thrown on.
 * @template State
 * @param {ActorClass<State>} Kind
 * @param {import("./host.js").Host} host
 * @param {import("./message.js").Message} msg
 * @param {boolean} activated it is the first since the actor was created or slept
 * @returns {import("./outcome.js").Outcome}
 */
export function run(Kind, host, msg, activated) {
  try {
    return handle(Kind, host, msg, activated);
  } catch (error) {
    if (error instanceof Failure) return error;
    host.log("error", `${msg.subject}: ${told(error)}`);
    throw error;
  }
}

/**
 * @template State
 * @param {ActorClass<State>} Kind
 * @param {import("./host.js").Host} host
 * @param {import("./message.js").Message} msg
 * @param {boolean} activated
 * @returns {import("./outcome.js").Outcome}
 */
function handle(Kind, host, msg, activated) {
  const ctx = new Context(host);
  const actor = new Kind();
  const stored = host.state();
  actor.state = stored ? decode(actor, stored) : actor.initial();
  // A message that only reads a new actor must not create it, so the state of a new one counts as stored.
  const before = stored ?? encode(actor);
  if (activated) actor.activated(ctx);
  const outcome = actor.handle(ctx, msg);
  if (outcome instanceof Failure) return outcome;
  if (!(outcome instanceof Success)) throw new TypeError(`handle returned ${named(outcome)}: return done(), reply(…), …`);
  if (ctx.isDeleted) {
    host.deleteState();
    return outcome;
  }
  const after = encode(actor);
  if (!isSame(before, after)) host.setState(after);
  return outcome;
}

/**
 * State that does not decode suspends: a bad deploy must not eat the mailbox.
 * @template State
 * @param {import("./actor.js").Actor<State>} actor
 * @param {Uint8Array} bytes
 * @returns {State}
 */
function decode(actor, bytes) {
  try {
    return actor.decode(bytes);
  } catch (error) {
    const advice = "deploy a version that can read it, or raise state_version and migrate";
    const text = `${bytes.length} bytes of state do not decode: ${brief(error)}; ${advice}`;
    throw suspend("state-does-not-decode", text);
  }
}

/**
 * @template State
 * @param {import("./actor.js").Actor<State>} actor
 * @returns {Uint8Array}
 */
function encode(actor) {
  try {
    return raw(actor.encode(actor.state));
  } catch (error) {
    throw fail("state-does-not-encode", `the state does not encode: ${brief(error)}`);
  }
}

/**
 * An error in one line.
 * @param {unknown} error
 * @returns {string}
 */
export function brief(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * An error with its stack, as one log line. QuickJS leaves the message out of the stack, others begin with it.
 * @param {unknown} error
 * @returns {string}
 */
export function told(error) {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const stack = (error.stack ?? "").trimEnd();
  return stack.startsWith(String(error)) ? stack : `${error}\n${stack}`;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function named(value) {
  if (value instanceof Promise) return "a promise (handlers are synchronous)";
  return value === undefined ? "nothing" : `a ${typeof value}`;
}
