/**
 * What arrives: a message, and the answer to a request if it is one.
 * Pure data. `component/exports.js` fills it from the host, `testing.js` from a test.
 */

import { fromJson, fromUtf8 } from "./bytes.js";
import { refuse } from "./outcome.js";

/** @typedef {"replied" | "done" | "refused" | "failed" | "timed-out"} Ending how a request ended */

/** How a request of this actor ended; the body and the headers of the message are the answer's. */
export class Answer {
  /**
   * @param {string} token what `ctx.request` returned
   * @param {Uint8Array} memo the bytes given to `ctx.request`
   * @param {Ending} ending
   * @param {{ code: string, text: string }} [fault] why it was refused or failed
   */
  constructor(token, memo, ending, fault) {
    this.token = token;
    this.memo = memo;
    this.ending = ending;
    this.fault = fault;
  }
}

/**
 * @typedef {object} MessageParts
 * @property {string} id
 * @property {import("./actor-id.js").ActorId} [sender]
 * @property {string} subject
 * @property {import("./headers.js").Headers} headers
 * @property {Uint8Array} body
 * @property {number} acceptedAtMs
 * @property {number} attempt
 * @property {string} [replyToken]
 * @property {Answer} [answer]
 */

/** One message to this actor. */
export class Message {
  /** @param {MessageParts} parts */
  constructor(parts) {
    /** Unique, and the same on every try: usable as an idempotency key outside. */
    this.id = parts.id;
    /** The sending actor; undefined: sent from outside. */
    this.sender = parts.sender;
    /** What it is, for example `deposit`. With a colon it is the host's own: `timer:NAME`, `answer:`. */
    this.subject = parts.subject;
    /** The sender's own headers; `content-type` is one of them. */
    this.headers = parts.headers;
    /** The bytes. */
    this.body = parts.body;
    /** When the host stored it, Unix milliseconds. */
    this.acceptedAtMs = parts.acceptedAtMs;
    /** 1 for the first try of this message, one more after each retry or crash. */
    this.attempt = parts.attempt;
    /** Someone waits: keep it to answer in a later turn. */
    this.replyToken = parts.replyToken;
    /** This message ends a request that this actor made. */
    this.answer = parts.answer;
  }

  /** The name of the timer that fired; undefined: this is another message. */
  get timer() {
    return this.subject.startsWith("timer:") ? this.subject.slice("timer:".length) : undefined;
  }

  /** Of a timer that repeats: how many further times passed before this one was told. */
  get missed() {
    return Number(this.headers.get("hydra-missed") ?? 0);
  }

  /** The HTTP status with which a call was answered; undefined: this is another message, or there was no response. */
  get status() {
    const status = this.answer?.ending === "replied" ? this.headers.get("status") : undefined;
    return status === undefined ? undefined : Number(status);
  }

  /**
   * The body, read as JSON. A body that is not JSON, or that `accepts` does not accept, is refused with the code
   * `body-does-not-decode`: nothing to catch.
   * @template T
   * @param {((value: unknown) => value is T) | ((value: unknown) => boolean)} [accepts] whether the value has the
   *   expected shape, for example `Number.isInteger`; without it the shape is not checked
   * @returns {T}
   */
  json(accepts) {
    let value;
    try {
      value = fromJson(this.body);
    } catch (error) {
      throw this.#notDecodable("JSON", error);
    }
    if (accepts && !accepts(value)) throw this.#notDecodable("JSON", "they have another shape than expected");
    return /** @type {T} */ (value);
  }

  /**
   * The body, read as UTF-8. A body that is not is refused with the code `body-does-not-decode`.
   * @returns {string}
   */
  text() {
    try {
      return fromUtf8(this.body);
    } catch (error) {
      throw this.#notDecodable("UTF-8", error);
    }
  }

  /**
   * @param {string} wanted
   * @param {unknown} why
   */
  #notDecodable(wanted, why) {
    const reason = why instanceof Error ? why.message : why;
    const text = `${this.subject} wants a body of ${wanted}; these ${this.body.length} bytes are not: ${reason}`;
    return refuse("body-does-not-decode", text);
  }
}
