/**
 * The host in a native test: settings go in, effects come out, nothing happens by itself.
 * Called by `context.js` and `turn.js`; `testing.js` makes one for each turn and applies the effects if it ended well.
 */
import { ActorId } from "./actor-id.js";
import { Headers } from "./headers.js";
export type Settings = {
    actor: ActorId;
    state: Uint8Array | undefined;
    nowMs: number;
    randomSeed: number;
    config: Map<string, string>;
    /**
     * made so far: numbers their tokens
     */
    requests: number;
};
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
export declare class Sent {
    headers: Headers;
    body: Uint8Array<ArrayBufferLike>;
    /**
     * @param {import("./outcome.js").Pair[]} headers
     * @param {Uint8Array} body
     */
    constructor(headers: import("./outcome.js").Pair[], body: Uint8Array);
    /**
     * The body, read as JSON.
     * @returns {any}
     */
    json(): any;
}
/** A message that a turn sent. */
export declare class SentMessage extends Sent {
    to: ActorId;
    subject: string;
    priority: "high" | "low" | "normal";
    /**
     * @param {ActorId} to
     * @param {string} subject
     * @param {Uint8Array} body
     * @param {import("./host.js").DeliveryOptions} options
     */
    constructor(to: ActorId, subject: string, body: Uint8Array, options: import("./host.js").DeliveryOptions);
}
/** A request that a turn made. */
export declare class SentRequest extends SentMessage {
    token: string;
    timeoutMs: number;
    memo: Uint8Array<ArrayBufferLike>;
    /**
     * @param {ActorId} to
     * @param {string} subject
     * @param {Uint8Array} body
     * @param {import("./host.js").DeliveryOptions} options
     * @param {{ token: string, timeoutMs: number, memo: Uint8Array }} waiting
     */
    constructor(to: ActorId, subject: string, body: Uint8Array, options: import("./host.js").DeliveryOptions, waiting: {
        token: string;
        timeoutMs: number;
        memo: Uint8Array;
    });
}
/** An answer that a turn gave to a message of an earlier one. */
export declare class SentAnswer extends Sent {
    replyToken: string;
    /**
     * @param {string} replyToken
     * @param {import("./outcome.js").Pair[]} headers
     * @param {Uint8Array} body
     */
    constructor(replyToken: string, headers: import("./outcome.js").Pair[], body: Uint8Array);
}
/** A timer that a turn set, or cancelled: then `when` is undefined. */
export declare class TimerChange {
    name: string;
    when: import("./context.js").Schedule | undefined;
    body: Uint8Array<ArrayBufferLike>;
    missed: "fire-once" | "skip";
    /**
     * @param {string} name
     * @param {import("./context.js").Schedule | undefined} when
     * @param {Uint8Array} body
     * @param {"fire-once" | "skip"} missed
     */
    constructor(name: string, when: import("./context.js").Schedule | undefined, body: Uint8Array, missed: "fire-once" | "skip");
}
export type Host = import("./host.js").Host;
/**
 * One turn's host.
 * @implements {Host}
 * @typedef {import("./host.js").Host} Host
 */
export declare class SimulatedHost implements Host {
    #private;
    /** @type {Uint8Array | null | undefined} the new state; null: forget the actor; undefined: it stays */
    newState: Uint8Array | null | undefined;
    /** @type {SentMessage[]} */
    sends: SentMessage[];
    /** @type {SentRequest[]} */
    requests: SentRequest[];
    /** @type {SentAnswer[]} */
    answers: SentAnswer[];
    /** @type {TimerChange[]} */
    timers: TimerChange[];
    /** @type {{ level: import("./context.js").Level, text: string }[]} */
    logs: {
        level: import("./context.js").Level;
        text: string;
    }[];
    /** @param {Settings} settings */
    constructor(settings: Settings);
    self(): ActorId;
    /** @param {import("./context.js").Level} level @param {string} text */
    log(level: import("./context.js").Level, text: string): void;
    nowMs(): number;
    /** @param {number} length @returns {Uint8Array} */
    random(length: number): Uint8Array;
    /** @param {string} key */
    config(key: string): string | undefined;
    state(): Uint8Array<ArrayBufferLike> | undefined;
    /** @param {Uint8Array} bytes */
    setState(bytes: Uint8Array): void;
    deleteState(): void;
    /** @type {Host["send"]} */
    send(to: ActorId, subject: string, body: Uint8Array<ArrayBufferLike>, options: import("./host.js").DeliveryOptions): void;
    /** @type {Host["request"]} */
    request(to: ActorId, subject: string, body: Uint8Array<ArrayBufferLike>, timeoutMs: number, memo: Uint8Array<ArrayBufferLike>, options: import("./host.js").DeliveryOptions): string;
    /** @type {Host["answer"]} */
    answer(replyToken: string, headers: import("./outcome.js").Pair[], body: Uint8Array<ArrayBufferLike>): void;
    /** @type {Host["setTimer"]} */
    setTimer(name: string, when: import("./context.js").Schedule, body: Uint8Array<ArrayBufferLike>, missed: "fire-once" | "skip"): void;
    /** @type {Host["cancelTimer"]} */
    cancelTimer(name: string): void;
    /**
     * Runs a turn with clock, randomness and console as they are in the sandbox, then puts back what was there.
     * @template Result
     * @param {() => Result} turn
     * @returns {Result}
     */
    during<Result>(turn: () => Result): Result;
}
