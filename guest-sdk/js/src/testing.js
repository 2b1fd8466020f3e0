/**
 * Runs an actor natively, without sandbox and host: `node --test` is enough.
 * Calls `turn.js` as the sandbox does, and applies effects as the host does: all of a turn's, or none.
 * Never delivers anything by itself: what an actor sends is in the turn, for the test to look at or to deliver.
 * Not checked here, because the host does it: grants and limits of `actor.toml`, the grammar of names and headers.
 */

import { ActorId } from "./actor-id.js";
import { fromJson, raw, toBody } from "./bytes.js";
import { toJson } from "./describe.js";
import { Headers } from "./headers.js";
import { Answer, Message } from "./message.js";
import { Failure } from "./outcome.js";
import { SimulatedHost } from "./simulated.js";
import { run } from "./turn.js";

/** @typedef {import("./simulated.js").SentMessage} SentMessage */
/** @typedef {import("./simulated.js").SentRequest} SentRequest */
/** @typedef {import("./simulated.js").SentAnswer} SentAnswer */
/** @typedef {import("./simulated.js").TimerChange} TimerChange */

/** When a test begins, Unix milliseconds. */
const START_MS = 1_700_000_000_000;
/** Most turns that `advance` runs: beyond it the test has a timer that never rests. */
const TURNS_MAX = 10_000;

/**
 * A message from the test; what is left out is as from outside, on the first try.
 * @typedef {object} Incoming
 * @property {string} subject
 * @property {unknown} [value] the body: bytes as they are, anything else as JSON
 * @property {Uint8Array | string} [body] the body: bytes, or text as UTF-8
 * @property {import("./headers.js").HeadersLike} [headers]
 * @property {import("./actor-id.js").ActorIdLike} [sender] the sending actor
 * @property {string} [id] instead of a running number
 * @property {number} [attempt] which try this is
 * @property {string} [replyToken] someone waits
 * @property {Answer} [answer] it ends a request
 */

/**
 * A timer that is set.
 * @typedef {object} Timer
 * @property {import("./context.js").Schedule} when
 * @property {Uint8Array} body
 * @property {number | undefined} dueMs when it fires next, Unix milliseconds; undefined for cron: `fire` it
 */

/** What one turn did. All but its logs is empty when it failed. */
export class Turn {
  /**
   * @param {import("./outcome.js").Outcome} outcome
   * @param {SimulatedHost} host
   */
  constructor(outcome, host) {
    const failed = outcome instanceof Failure;
    /** How it ended: compare with `reply(…)`, `done()`, `refuse(…)` and so on. */
    this.outcome = outcome;
    /** What it sent, in order. @type {SentMessage[]} */
    this.sends = failed ? [] : host.sends;
    /** What it asked others, in order. @type {SentRequest[]} */
    this.requests = failed ? [] : host.requests;
    /** What it answered of earlier messages, in order. @type {SentAnswer[]} */
    this.answers = failed ? [] : host.answers;
    /** Timers that it set and cancelled, in order. @type {TimerChange[]} */
    this.timers = failed ? [] : host.timers;
    /** What it logged, in order; `console` too. */
    this.logs = host.logs;
    /** Whether it wrote or deleted the state. */
    this.stateChanged = !failed && host.newState !== undefined;
  }

  /**
   * The reply, read as JSON. Throws when there is none, or another.
   * @returns {any}
   */
  reply() {
    const { outcome } = this;
    if (outcome instanceof Failure) throw outcome;
    if (outcome.type !== "reply") throw new Error(`no reply: the turn ended with ${outcome.type}`);
    return fromJson(outcome.body);
  }

  /** The code of the fault; undefined when the turn ended well. */
  get faultCode() {
    return this.outcome instanceof Failure ? this.outcome.code : undefined;
  }
}

/**
 * One actor under test. Time stands still until the test moves it; randomness is the same in every run.
 * @template State
 */
export class Harness {
  /** The clock, Unix milliseconds; `advance` moves it and fires timers, setting it fires nothing. */
  nowMs = START_MS;
  /** Another number is another run of randomness. */
  randomSeed = 0;
  /** `[config]` of `actor.toml`. @type {Map<string, string>} */
  config = new Map();
  /**
   * The stored bytes; undefined for an actor that is new or deleted. To be set as another version might have.
   * @type {Uint8Array | undefined}
   */
  stateBytes = undefined;
  /** Timers that are set, by name. @type {Map<string, Timer>} */
  timers = new Map();
  /**
   * Requests that wait for their answer, by token, with the time when they time out.
   * @type {Map<string, SentRequest & { dueMs: number }>}
   */
  requests = new Map();
  #Kind;
  #actor;
  #messages = 0;
  #requestsMade = 0;
  #asleep = false;
  #crashes = false;

  /**
   * A new actor, at a fixed time.
   * @param {import("./turn.js").ActorClass<State>} Kind the class under test
   * @param {import("./actor-id.js").ActorIdLike} actor
   */
  constructor(Kind, actor) {
    this.#Kind = Kind;
    this.#actor = ActorId.from(actor);
  }

  /**
   * Sends the value from outside, nobody waits; runs the turn.
   * @param {string} subject
   * @param {unknown} [value] bytes as they are, anything else as JSON; without it the body is empty
   */
  send(subject, value) {
    return this.deliver({ subject, value });
  }

  /**
   * Like `send`, but someone waits: the message has a reply token.
   * @param {string} subject
   * @param {unknown} [value]
   */
  ask(subject, value) {
    return this.deliver({ subject, value, replyToken: `reply-${this.#messages + 1}` });
  }

  /**
   * Runs the turn of this message. An error that is no `Failure` leaves nothing behind and comes out here.
   * @param {Incoming} incoming
   * @returns {Turn}
   */
  deliver(incoming) {
    this.#messages += 1;
    const host = this.#host();
    const activated = this.#asleep || this.stateBytes === undefined;
    const message = this.#message(incoming);
    const outcome = host.during(() => run(this.#Kind, host, message, activated));
    const turn = new Turn(outcome, host);
    if (!(outcome instanceof Failure) && !this.#crashes) this.#apply(host);
    this.#crashes = false;
    return turn;
  }

  /** The host crashes at the end of the next turn, before it stored anything: all is as if the turn had not been. */
  crashNext() {
    this.#crashes = true;
  }

  /** The stored state, decoded; undefined for an actor that is new or deleted. @returns {State | undefined} */
  get state() {
    return this.stateBytes && new this.#Kind().decode(this.stateBytes);
  }

  /** Stores this state. */
  set state(state) {
    this.stateBytes = state === undefined ? undefined : raw(new this.#Kind().encode(state));
  }

  /**
   * Migrates the stored bytes as the host does after `state_version` in `actor.toml` was raised.
   * Throws the actor's own failure; then the stored bytes stay.
   * @param {number} fromVersion
   */
  migrate(fromVersion) {
    if (this.stateBytes) this.stateBytes = raw(new this.#Kind().migrate(fromVersion, this.stateBytes));
  }

  /** Puts the actor to sleep: its next turn begins with `activated`. */
  sleep() {
    this.#asleep = true;
  }

  /** What the actor says about itself, as others see it. @returns {any} */
  describe() {
    return JSON.parse(toJson(new this.#Kind().describe()));
  }

  /**
   * Fires a timer that is set, whatever the time.
   * @param {string} name
   * @returns {Turn}
   */
  fire(name) {
    const timer = this.timers.get(name);
    if (!timer) throw new Error(`no timer ${name} is set: ${[...this.timers.keys()].join(", ") || "none is"}`);
    let missed = 0;
    if ("everyMs" in timer.when) {
      const dueMs = timer.dueMs ?? this.nowMs;
      missed = Math.max(0, Math.floor((this.nowMs - dueMs) / timer.when.everyMs));
      timer.dueMs = dueMs + timer.when.everyMs * (missed + 1);
    } else if (!("cron" in timer.when)) this.timers.delete(name);
    return this.deliver({ subject: `timer:${name}`, body: timer.body, headers: { "hydra-missed": String(missed) } });
  }

  /**
   * Moves the clock and runs what falls due on the way, in order: timers, and requests that time out. Never cron.
   * @param {number} ms
   * @returns {Turn[]}
   */
  advance(ms) {
    const end = this.nowMs + ms;
    const turns = [];
    for (let due = this.#nextDue(end); due; due = this.#nextDue(end)) {
      if (turns.length === TURNS_MAX) throw new Error(`more than ${TURNS_MAX} turns in ${ms} ms`);
      this.nowMs = Math.max(this.nowMs, due.dueMs);
      turns.push(due.run());
    }
    this.nowMs = end;
    return turns;
  }

  /**
   * Answers a request of this actor with the value; runs the turn.
   * @param {string} token
   * @param {unknown} [value] bytes as they are, anything else as JSON; without it the request ends with `done`
   */
  answer(token, value) {
    return this.endRequest(token, value === undefined ? "done" : "replied", { value });
  }

  /**
   * Answers a call of this actor with this status and value; runs the turn.
   * @param {string} token
   * @param {number} status
   * @param {unknown} [value] bytes as they are, anything else as JSON
   */
  answerCall(token, status, value = new Uint8Array()) {
    return this.endRequest(token, "replied", { value, headers: { status: String(status) } });
  }

  /**
   * Ends a request of this actor; runs the turn.
   * @param {string} token
   * @param {import("./message.js").Ending} ending
   * @param {{ value?: unknown, fault?: { code: string, text: string }, headers?: import("./headers.js").HeadersLike }} [content]
   * @returns {Turn}
   */
  endRequest(token, ending, { value, fault, headers } = {}) {
    const request = this.requests.get(token);
    if (!request) throw new Error(`no request ${token} waits: ${[...this.requests.keys()].join(", ") || "none does"}`);
    this.requests.delete(token);
    return this.deliver({ subject: "answer:", value, headers, answer: new Answer(token, request.memo, ending, fault) });
  }

  #host() {
    const { nowMs, config, stateBytes: state } = this;
    const randomSeed = Math.imul(this.randomSeed, 31) + this.#messages;
    return new SimulatedHost({ actor: this.#actor, state, nowMs, randomSeed, config, requests: this.#requestsMade });
  }

  /**
   * @param {Incoming} incoming
   * @returns {Message}
   */
  #message({ subject, value, body, headers, sender, id, attempt = 1, replyToken, answer }) {
    return new Message({
      id: id ?? `test:${this.#messages}`,
      sender: sender === undefined ? undefined : ActorId.from(sender),
      subject,
      headers: new Headers(headers),
      body: value === undefined ? raw(body ?? "") : toBody(value),
      acceptedAtMs: this.nowMs,
      attempt,
      replyToken,
      answer,
    });
  }

  /** @param {SimulatedHost} host */
  #apply(host) {
    this.#asleep = false;
    if (host.newState !== undefined) this.stateBytes = host.newState ?? undefined;
    for (const { name, when, body } of host.timers) {
      if (when) this.timers.set(name, { when, body, dueMs: firstDue(when, this.nowMs) });
      else this.timers.delete(name);
    }
    if (host.newState === null) this.timers.clear();
    for (const request of host.requests) {
      this.requests.set(request.token, Object.assign(request, { dueMs: this.nowMs + request.timeoutMs }));
    }
    this.#requestsMade += host.requests.length;
  }

  /**
   * What falls due first, until then.
   * @param {number} end
   */
  #nextDue(end) {
    const timers = [...this.timers].map(([name, { dueMs }]) => ({ dueMs: dueMs ?? Infinity, run: () => this.fire(name) }));
    const waiting = [...this.requests.values()].map(({ token, dueMs }) => {
      return { dueMs, run: () => this.endRequest(token, "timed-out") };
    });
    return [...timers, ...waiting].filter(({ dueMs }) => dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/**
 * @param {import("./context.js").Schedule} when
 * @param {number} nowMs
 * @returns {number | undefined}
 */
function firstDue(when, nowMs) {
  if ("atMs" in when) return when.atMs;
  if ("afterMs" in when) return nowMs + when.afterMs;
  return "everyMs" in when ? nowMs + when.everyMs : undefined;
}
