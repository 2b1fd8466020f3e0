/**
 * What an actor can see and do during a turn, beside its state and its outcome.
 * Handed to `handle` by `turn.js`; every method is one call of the host.
 * Nothing here takes effect before the turn ended well and the host stored it; only log lines stay.
 */

import { ActorId } from "./actor-id.js";
import { toUtf8 } from "./bytes.js";
import { encoded, milliseconds, pairsOf, payload } from "./outcome.js";

/** @typedef {"trace" | "debug" | "info" | "warn" | "error"} Level how bad a log line is */

/**
 * @typedef {object} SendOptions
 * @property {import("./headers.js").HeadersLike} [headers] that travel with the message
 * @property {"normal" | "high" | "low"} [priority] how soon the receiver gets its turn among other actors
 */

/**
 * @typedef {object} RequestOptions
 * @property {number} timeoutMs longest wait for the answer, in milliseconds; then `timed-out` comes instead
 * @property {Uint8Array} [memo] comes back with the answer: context without a place in the state
 * @property {import("./headers.js").HeadersLike} [headers]
 * @property {"normal" | "high" | "low"} [priority]
 */

/**
 * @typedef {object} CallOptions
 * @property {number} [timeoutMs] longest wait for the answer, all tries together, in milliseconds; 30,000 unless given
 * @property {Uint8Array} [memo] comes back with the answer: context without a place in the state
 * @property {import("./headers.js").HeadersLike} [headers] of the HTTP request
 * @property {string} [lane] calls of one lane keep their order; unless given a lane of this actor's own
 */

/**
 * @typedef {object} TimerOptions
 * @property {"fire-once" | "skip"} [missed] what becomes of times that nobody could tell of, because no host ran or the actor
 *   was suspended: one message for all of them, whose `missed` counts the further ones; or none
 */

/**
 * When a timer fires. `cron`: 5 fields, or 6 with the second in front, and an IANA time zone. `everyMs`: 1,000 at least.
 * @typedef {{ atMs: number } | { afterMs: number } | { everyMs: number } | { cron: string, zone: string }} Schedule
 */

/** Longest id of an actor, in bytes. */
const ID_BYTES_MAX = 256;

/** One turn's view of the host. */
export class Context {
  /** @type {import("./host.js").Host} */
  #host;
  /** @type {ActorId | undefined} */
  #self;
  #deleted = false;

  /** @param {import("./host.js").Host} host */
  constructor(host) {
    this.#host = host;
  }

  /** Who this actor is. */
  get self() {
    this.#self ??= ActorId.from(this.#host.self());
    return this.#self;
  }

  /** Start of this try, Unix milliseconds; the same for the whole turn. `Date.now()` gives it too. */
  get nowMs() {
    return this.#host.nowMs();
  }

  /**
   * Random bytes that nobody outside can predict. Another try of the same message sees others.
   * `Math.random()` is seeded from them.
   * @param {number} length in bytes
   * @returns {Uint8Array}
   */
  random(length) {
    return this.#host.random(length);
  }

  /**
   * A setting from `[config]` in `actor.toml`.
   * @param {string} key
   * @returns {string | undefined}
   */
  config(key) {
    return this.#host.config(key);
  }

  /**
   * Sends the value as JSON, or bytes as they are, to another actor or to itself: fire and forget, delivered exactly
   * once in effect, in order per receiver. Other kinds than its own need a grant in `actor.toml`.
   * A value that cannot be JSON ends the turn as `fail("message-does-not-encode")`; without a value the body is empty.
   * @param {import("./actor-id.js").ActorIdLike} to
   * @param {string} subject
   * @param {unknown} [value]
   * @param {SendOptions} [options]
   */
  send(to, subject, value, options = {}) {
    this.#host.send(ActorId.from(to), subject, body(value), deliveryOptions(options));
  }

  /**
   * Like `send`, but exactly one message with `msg.answer` comes back, `timed-out` at the latest.
   * @param {import("./actor-id.js").ActorIdLike} to
   * @param {string} subject
   * @param {unknown} value
   * @param {RequestOptions} options
   * @returns {string} the token that `msg.answer` will have
   */
  request(to, subject, value, options) {
    const timeoutMs = milliseconds("timeoutMs", options.timeoutMs);
    const memo = options.memo ?? new Uint8Array();
    return this.#host.request(ActorId.from(to), subject, body(value), timeoutMs, memo, deliveryOptions(options));
  }

  /**
   * Calls an endpoint of the host's settings over HTTP: a request, whose answer has `msg.status`. The kind needs the grant
   * `http = ["ENDPOINT"]` in `actor.toml`. At least once: after a crash the other side may see the same call again, with
   * the same `Idempotency-Key`.
   * @param {string} endpoint
   * @param {string} method
   * @param {string} path with its query
   * @param {unknown} [value] as JSON, or bytes as they are; without one the body is empty
   * @param {CallOptions} [options]
   * @returns {string} the token that `msg.answer` will have
   */
  http(endpoint, method, path, value, { timeoutMs = 30_000, memo = new Uint8Array(), headers, lane } = {}) {
    const [own, content] = payload("call", value === undefined ? new Uint8Array() : value, headers);
    /** @type {import("./outcome.js").Pair[]} */
    const all = [["path", path], ...own];
    const to = new ActorId("sys-http", within(`${endpoint}/${lane ?? this.self}`));
    const wait = milliseconds("timeoutMs", timeoutMs);
    return this.#host.request(to, method.toLowerCase(), content, wait, memo, deliveryOptions({ headers: all }));
  }

  /**
   * Answers a message whose turn ended in `later()`, in any later turn, with the value as JSON or bytes as they are.
   * The first answer counts; a made-up token fails the turn.
   * @param {string} replyToken
   * @param {unknown} value
   * @param {import("./headers.js").HeadersLike} [headers]
   */
  answer(replyToken, value, headers) {
    const [all, content] = payload("answer", value, headers);
    this.#host.answer(replyToken, all, content);
  }

  /**
   * Sets a timer, in place of one of the same name. Fires as a message with subject `timer:NAME`; survives restarts.
   * @param {string} name
   * @param {Schedule} when
   * @param {unknown} [value] the body of that message
   * @param {TimerOptions} [options]
   */
  setTimer(name, when, value, { missed = "fire-once" } = {}) {
    for (const [key, time] of Object.entries(when)) if (typeof time === "number") milliseconds(key, time);
    this.#host.setTimer(name, when, body(value), missed);
  }

  /**
   * Cancels a timer; one that is not set is no mistake.
   * @param {string} name
   */
  cancelTimer(name) {
    this.#host.cancelTimer(name);
  }

  /**
   * Forgets this actor: its state and timers are gone when the turn ends well, and the next message starts from
   * `initial()`. What `this.state` holds at the end of this turn is not stored.
   */
  delete() {
    this.#deleted = true;
  }

  /** Whether `delete` was called in this turn. */
  get isDeleted() {
    return this.#deleted;
  }

  /**
   * Logs a line for this actor. Stays also when the turn fails. `console.log` and its like come here too.
   * @param {Level} level
   * @param {string} text
   */
  log(level, text) {
    this.#host.log(level, String(text));
  }

  /** Logs the finest detail. @param {string} text */
  trace(text) {
    this.log("trace", text);
  }

  /** Logs for developers. @param {string} text */
  debug(text) {
    this.log("debug", text);
  }

  /** Logs an ordinary event. @param {string} text */
  info(text) {
    this.log("info", text);
  }

  /** Logs what heals itself. @param {string} text */
  warn(text) {
    this.log("warn", text);
  }

  /** Logs what somebody must look at. @param {string} text */
  error(text) {
    this.log("error", text);
  }
}

/**
 * @param {unknown} value
 * @returns {Uint8Array}
 */
function body(value) {
  return value === undefined ? new Uint8Array() : encoded("message", value);
}

/**
 * As much of a text as an actor's id takes. Two actors with very long names may share a lane: that costs time and nothing else.
 * @param {string} id
 * @returns {string}
 */
function within(id) {
  let cut = id;
  while (toUtf8(cut).length > ID_BYTES_MAX) cut = [...cut].slice(0, -1).join("");
  return cut;
}

/**
 * @param {SendOptions} options
 * @returns {import("./host.js").DeliveryOptions}
 */
function deliveryOptions({ headers, priority = "normal" }) {
  return { headers: pairsOf(headers), priority };
}
