/**
 * The host in a native test: settings go in, effects come out, nothing happens by itself.
 * Called by `context.js` and `turn.js`; `testing.js` makes one for each turn and applies the effects if it ended well.
 */

import { ActorId } from "./actor-id.js";
import { fromJson } from "./bytes.js";
import { consoleTo } from "./console.js";
import { Headers } from "./headers.js";
import { SEED_BYTES, seeded } from "./random.js";

/**
 * What the simulated host answers.
 * @typedef {object} Settings
 * @property {ActorId} actor
 * @property {Uint8Array | undefined} state
 * @property {number} nowMs
 * @property {number} randomSeed
 * @property {Map<string, string>} config
 * @property {number} requests made so far: numbers their tokens
 */

/** Content with headers: a message that a turn sent, or an answer. */
export class Sent {
  /**
   * @param {import("./outcome.js").Pair[]} headers
   * @param {Uint8Array} body
   */
  constructor(headers, body) {
    this.headers = new Headers(headers);
    this.body = body;
  }

  /**
   * The body, read as JSON.
   * @returns {any}
   */
  json() {
    return fromJson(this.body);
  }
}

/** A message that a turn sent. */
export class SentMessage extends Sent {
  /**
   * @param {ActorId} to
   * @param {string} subject
   * @param {Uint8Array} body
   * @param {import("./host.js").DeliveryOptions} options
   */
  constructor(to, subject, body, options) {
    super(options.headers, body);
    this.to = to;
    this.subject = subject;
    this.priority = options.priority;
  }
}

/** A request that a turn made. */
export class SentRequest extends SentMessage {
  /**
   * @param {ActorId} to
   * @param {string} subject
   * @param {Uint8Array} body
   * @param {import("./host.js").DeliveryOptions} options
   * @param {{ token: string, timeoutMs: number, memo: Uint8Array }} waiting
   */
  constructor(to, subject, body, options, waiting) {
    super(to, subject, body, options);
    this.token = waiting.token;
    this.timeoutMs = waiting.timeoutMs;
    this.memo = waiting.memo;
  }
}

/** An answer that a turn gave to a message of an earlier one. */
export class SentAnswer extends Sent {
  /**
   * @param {string} replyToken
   * @param {import("./outcome.js").Pair[]} headers
   * @param {Uint8Array} body
   */
  constructor(replyToken, headers, body) {
    super(headers, body);
    this.replyToken = replyToken;
  }
}

/** A timer that a turn set, or cancelled: then `when` is undefined. */
export class TimerChange {
  /**
   * @param {string} name
   * @param {import("./context.js").Schedule | undefined} when
   * @param {Uint8Array} body
   * @param {"fire-once" | "skip"} missed
   */
  constructor(name, when, body, missed) {
    this.name = name;
    this.when = when;
    this.body = body;
    this.missed = missed;
  }
}

/**
 * One turn's host.
 * @implements {Host}
 * @typedef {import("./host.js").Host} Host
 */
export class SimulatedHost {
  /** @type {Uint8Array | null | undefined} the new state; null: forget the actor; undefined: it stays */
  newState;
  /** @type {SentMessage[]} */
  sends = [];
  /** @type {SentRequest[]} */
  requests = [];
  /** @type {SentAnswer[]} */
  answers = [];
  /** @type {TimerChange[]} */
  timers = [];
  /** @type {{ level: import("./context.js").Level, text: string }[]} */
  logs = [];
  #settings;
  #next;

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#next = splitmix(settings.randomSeed);
  }

  self() {
    return this.#settings.actor;
  }

  /** @param {import("./context.js").Level} level @param {string} text */
  log(level, text) {
    this.logs.push({ level, text });
  }

  nowMs() {
    return this.#settings.nowMs;
  }

  /** @param {number} length @returns {Uint8Array} */
  random(length) {
    return Uint8Array.from({ length }, () => this.#next() & 0xff);
  }

  /** @param {string} key */
  config(key) {
    return this.#settings.config.get(key);
  }

  state() {
    return this.#settings.state;
  }

  /** @param {Uint8Array} bytes */
  setState(bytes) {
    this.newState = bytes;
  }

  deleteState() {
    this.newState = null;
  }

  /** @type {Host["send"]} */
  send(to, subject, body, options) {
    this.sends.push(new SentMessage(to, subject, body, options));
  }

  /** @type {Host["request"]} */
  request(to, subject, body, timeoutMs, memo, options) {
    const token = `request-${this.#settings.requests + this.requests.length + 1}`;
    this.requests.push(new SentRequest(to, subject, body, options, { token, timeoutMs, memo }));
    return token;
  }

  /** @type {Host["answer"]} */
  answer(replyToken, headers, body) {
    this.answers.push(new SentAnswer(replyToken, headers, body));
  }

  /** @type {Host["setTimer"]} */
  setTimer(name, when, body, missed) {
    this.timers.push(new TimerChange(name, when, body, missed));
  }

  /** @type {Host["cancelTimer"]} */
  cancelTimer(name) {
    this.timers.push(new TimerChange(name, undefined, new Uint8Array(), "fire-once"));
  }

  /**
   * Runs a turn with clock, randomness and console as they are in the sandbox, then puts back what was there.
   * @template Result
   * @param {() => Result} turn
   * @returns {Result}
   */
  during(turn) {
    const real = { Date: globalThis.Date, console: globalThis.console, random: Math.random };
    globalThis.Date = dateAt(this.nowMs());
    globalThis.console = { ...real.console, ...consoleTo((level, text) => this.log(level, text)) };
    /** @type {(() => number) | undefined} */
    let random;
    Math.random = () => (random ??= seeded(this.random(SEED_BYTES)))();
    try {
      return turn();
    } finally {
      Object.assign(globalThis, { Date: real.Date, console: real.console });
      Math.random = real.random;
    }
  }
}

/**
 * `Date` whose clock stands still.
 * @param {number} nowMs
 * @returns {DateConstructor}
 */
function dateAt(nowMs) {
  return new Proxy(Date, {
    construct: (target, values) => Reflect.construct(target, values.length === 0 ? [nowMs] : values),
    apply: (target) => new target(nowMs).toString(),
    get: (target, key) => (key === "now" ? () => nowMs : Reflect.get(target, key)),
  });
}

/**
 * Numbers of 32 bits, the same in every run (splitmix32).
 * @param {number} seed
 * @returns {() => number}
 */
function splitmix(seed) {
  let at = seed | 0;
  return () => {
    at = (at + 0x9e3779b9) | 0;
    let mixed = Math.imul(at ^ (at >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
