/**
 * How a turn ends: what `handle` returns, and the few functions that build it.
 * Ground floor: pure data. `component/exports.js` hands it to the host.
 */

import { toBody } from "./bytes.js";
import { Headers } from "./headers.js";

/** @typedef {Success | Failure} Outcome what `handle` returns */
/** @typedef {readonly [string, string]} Pair a header: name and value */

/** @type {Pair} */
const JSON_HEADER = ["content-type", "application/json"];

/** A turn that did its work. Its effects are stored all together. */
export class Success {
  /**
   * @param {"done" | "reply" | "later"} type
   * @param {Pair[]} headers of a reply
   * @param {Uint8Array} body of a reply
   */
  constructor(type, headers, body) {
    this.type = type;
    this.headers = headers;
    this.body = body;
  }
}

/** A turn that did not. Its effects are dropped all together. To be returned or thrown. */
export class Failure extends Error {
  /**
   * @param {"refuse" | "fail" | "retry" | "suspend"} type
   * @param {string} code for programs, for example `insufficient-funds`
   * @param {string} text for people
   * @param {number} [afterMs] of a retry: milliseconds until the next try; undefined: the host's back-off
   */
  constructor(type, code, text, afterMs) {
    super(`${code}: ${text}`);
    this.type = type;
    this.code = code;
    this.text = text;
    this.afterMs = afterMs;
  }
}
Failure.prototype.name = "Failure";

/** Handled, nothing to say: whoever waits gets an empty answer. */
export function done() {
  return new Success("done", [], new Uint8Array());
}

/**
 * Handled; answers with the value as JSON, or with bytes as they are.
 * A value that cannot be JSON ends the turn as `fail("reply-does-not-encode")`.
 * @param {unknown} value
 * @param {import("./headers.js").HeadersLike} [headers] JSON has `content-type: application/json` in any case
 */
export function reply(value, headers) {
  const [all, body] = payload("reply", value, headers);
  return new Success("reply", all, body);
}

/** The caller goes on waiting, until `ctx.answer` in a later turn or its time-out. Keep `msg.replyToken`. */
export function later() {
  return new Success("later", [], new Uint8Array());
}

/**
 * The caller's mistake: the caller is told. If nobody waits, the message becomes a dead letter.
 * @param {string} code
 * @param {string} text
 */
export function refuse(code, text) {
  return new Failure("refuse", code, text);
}

/**
 * This message can never be handled: it becomes a dead letter, and the caller is told.
 * @param {string} code
 * @param {string} text
 */
export function fail(code, text) {
  return new Failure("fail", code, text);
}

/**
 * May work later: the same message comes again, before any other.
 * @param {string} code
 * @param {string} text
 * @param {number} [afterMs] milliseconds until then; without it the host's back-off
 */
export function retry(code, text, afterMs) {
  return new Failure("retry", code, text, afterMs === undefined ? undefined : milliseconds("afterMs", afterMs));
}

/**
 * Nothing can be handled until a human acts: the actor stops, its messages wait.
 * @param {string} code
 * @param {string} text
 */
export function suspend(code, text) {
  return new Failure("suspend", code, text);
}

/**
 * Headers and body of an answer; throws a failure that names what did not encode.
 * @param {string} what
 * @param {unknown} value
 * @param {import("./headers.js").HeadersLike} [headers]
 * @returns {[Pair[], Uint8Array]}
 */
export function payload(what, value, headers) {
  const body = encoded(what, value);
  if (value instanceof Uint8Array) return [pairsOf(headers), body];
  if (headers === undefined) return [[JSON_HEADER], body];
  const has = new Headers(headers).get("content-type") !== undefined;
  return [has ? pairsOf(headers) : [JSON_HEADER, ...pairsOf(headers)], body];
}

/**
 * Headers as a list.
 * @param {import("./headers.js").HeadersLike} [headers]
 * @returns {Pair[]}
 */
export function pairsOf(headers) {
  return headers === undefined ? [] : [...new Headers(headers)];
}

/**
 * A body; throws a failure that names what did not encode.
 * @param {string} what
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export function encoded(what, value) {
  try {
    return toBody(value);
  } catch (error) {
    throw fail(`${what}-does-not-encode`, `the ${what} cannot be JSON: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * A time that the host takes: a whole number, and not negative.
 * @param {string} name
 * @param {number} value
 * @returns {number}
 */
export function milliseconds(name, value) {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${name} is ${value}: a whole number of milliseconds, 0 or more, is expected`);
}
