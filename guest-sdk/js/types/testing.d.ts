/**
 * Runs an actor natively, without sandbox and host: `node --test` is enough.
 * Calls `turn.js` as the sandbox does, and applies effects as the host does: all of a turn's, or none.
 * Never delivers anything by itself: what an actor sends is in the turn, for the test to look at or to deliver.
 * Not checked here, because the host does it: grants and limits of `actor.toml`, the grammar of names and headers.
 */
import { Answer } from "./message.js";
import { SimulatedHost } from "./simulated.js";
export type SentMessage = import("./simulated.js").SentMessage;
export type SentRequest = import("./simulated.js").SentRequest;
export type SentAnswer = import("./simulated.js").SentAnswer;
export type TimerChange = import("./simulated.js").TimerChange;
export type Incoming = {
    subject: string;
    /**
     * the body: bytes as they are, anything else as JSON
     */
    value?: unknown;
    /**
     * the body: bytes, or text as UTF-8
     */
    body?: Uint8Array | string;
    headers?: import("./headers.js").HeadersLike;
    /**
     * the sending actor
     */
    sender?: import("./actor-id.js").ActorIdLike;
    /**
     * instead of a running number
     */
    id?: string;
    /**
     * which try this is
     */
    attempt?: number;
    /**
     * someone waits
     */
    replyToken?: string;
    /**
     * it ends a request
     */
    answer?: Answer;
};
export type Timer = {
    when: import("./context.js").Schedule;
    body: Uint8Array;
    /**
     * when it fires next, Unix milliseconds; undefined for cron: `fire` it
     */
    dueMs: number | undefined;
};
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
export declare class Turn {
    /** How it ended: compare with `reply(…)`, `done()`, `refuse(…)` and so on. */
    outcome: import("./outcome.js").Outcome;
    /** What it sent, in order. @type {SentMessage[]} */
    sends: SentMessage[];
    /** What it asked others, in order. @type {SentRequest[]} */
    requests: SentRequest[];
    /** What it answered of earlier messages, in order. @type {SentAnswer[]} */
    answers: SentAnswer[];
    /** Timers that it set and cancelled, in order. @type {TimerChange[]} */
    timers: TimerChange[];
    /** What it logged, in order; `console` too. */
    logs: {
        level: import("./context.js").Level;
        text: string;
    }[];
    /** Whether it wrote or deleted the state. */
    stateChanged: boolean;
    /**
     * @param {import("./outcome.js").Outcome} outcome
     * @param {SimulatedHost} host
     */
    constructor(outcome: import("./outcome.js").Outcome, host: SimulatedHost);
    /**
     * The reply, read as JSON. Throws when there is none, or another.
     * @returns {any}
     */
    reply(): any;
    /** The code of the fault; undefined when the turn ended well. */
    get faultCode(): string | undefined;
}
/**
 * One actor under test. Time stands still until the test moves it; randomness is the same in every run.
 * @template State
 */
export declare class Harness<State> {
    #private;
    /** The clock, Unix milliseconds; `advance` moves it and fires timers, setting it fires nothing. */
    nowMs: number;
    /** Another number is another run of randomness. */
    randomSeed: number;
    /** `[config]` of `actor.toml`. @type {Map<string, string>} */
    config: Map<string, string>;
    /**
     * The stored bytes; undefined for an actor that is new or deleted. To be set as another version might have.
     * @type {Uint8Array | undefined}
     */
    stateBytes: Uint8Array | undefined;
    /** Timers that are set, by name. @type {Map<string, Timer>} */
    timers: Map<string, Timer>;
    /**
     * Requests that wait for their answer, by token, with the time when they time out.
     * @type {Map<string, SentRequest & { dueMs: number }>}
     */
    requests: Map<string, SentRequest & {
        dueMs: number;
    }>;
    /**
     * A new actor, at a fixed time.
     * @param {import("./turn.js").ActorClass<State>} Kind the class under test
     * @param {import("./actor-id.js").ActorIdLike} actor
     */
    constructor(Kind: import("./turn.js").ActorClass<State>, actor: import("./actor-id.js").ActorIdLike);
    /**
     * Sends the value from outside, nobody waits; runs the turn.
     * @param {string} subject
     * @param {unknown} [value] bytes as they are, anything else as JSON; without it the body is empty
     */
    send(subject: string, value?: unknown): Turn;
    /**
     * Like `send`, but someone waits: the message has a reply token.
     * @param {string} subject
     * @param {unknown} [value]
     */
    ask(subject: string, value?: unknown): Turn;
    /**
     * Runs the turn of this message. An error that is no `Failure` leaves nothing behind and comes out here.
     * @param {Incoming} incoming
     * @returns {Turn}
     */
    deliver(incoming: Incoming): Turn;
    /** The host crashes at the end of the next turn, before it stored anything: all is as if the turn had not been. */
    crashNext(): void;
    /** The stored state, decoded; undefined for an actor that is new or deleted. @returns {State | undefined} */
    get state(): State | undefined;
    /** Stores this state. */
    set state(state: State | undefined);
    /**
     * Migrates the stored bytes as the host does after `state_version` in `actor.toml` was raised.
     * Throws the actor's own failure; then the stored bytes stay.
     * @param {number} fromVersion
     */
    migrate(fromVersion: number): void;
    /** Puts the actor to sleep: its next turn begins with `activated`. */
    sleep(): void;
    /** What the actor says about itself, as others see it. @returns {any} */
    describe(): any;
    /**
     * Fires a timer that is set, whatever the time.
     * @param {string} name
     * @returns {Turn}
     */
    fire(name: string): Turn;
    /**
     * Moves the clock and runs what falls due on the way, in order: timers, and requests that time out. Never cron.
     * @param {number} ms
     * @returns {Turn[]}
     */
    advance(ms: number): Turn[];
    /**
     * Answers a request of this actor with the value; runs the turn.
     * @param {string} token
     * @param {unknown} [value] bytes as they are, anything else as JSON; without it the request ends with `done`
     */
    answer(token: string, value?: unknown): Turn;
    /**
     * Answers a call of this actor with this status and value; runs the turn.
     * @param {string} token
     * @param {number} status
     * @param {unknown} [value] bytes as they are, anything else as JSON
     */
    answerCall(token: string, status: number, value?: unknown): Turn;
    /**
     * Ends a request of this actor; runs the turn.
     * @param {string} token
     * @param {import("./message.js").Ending} ending
     * @param {{ value?: unknown, fault?: { code: string, text: string }, headers?: import("./headers.js").HeadersLike }} [content]
     * @returns {Turn}
     */
    endRequest(token: string, ending: import("./message.js").Ending, { value, fault, headers }?: {
        value?: unknown;
        fault?: {
            code: string;
            text: string;
        };
        headers?: import("./headers.js").HeadersLike;
    }): Turn;
}
