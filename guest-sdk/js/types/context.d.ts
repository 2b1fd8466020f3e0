/**
 * What an actor can see and do during a turn, beside its state and its outcome.
 * Handed to `handle` by `turn.js`; every method is one call of the host.
 * Nothing here takes effect before the turn ended well and the host stored it; only log lines stay.
 */
import { ActorId } from "./actor-id.js";
export type Level = "trace" | "debug" | "info" | "warn" | "error";
export type SendOptions = {
    /**
     * that travel with the message
     */
    headers?: import("./headers.js").HeadersLike;
    /**
     * how soon the receiver gets its turn among other actors
     */
    priority?: "normal" | "high" | "low";
};
export type RequestOptions = {
    /**
     * longest wait for the answer, in milliseconds; then `timed-out` comes instead
     */
    timeoutMs: number;
    /**
     * comes back with the answer: context without a place in the state
     */
    memo?: Uint8Array;
    headers?: import("./headers.js").HeadersLike;
    priority?: "normal" | "high" | "low";
};
export type CallOptions = {
    /**
     * longest wait for the answer, all tries together, in milliseconds; 30,000 unless given
     */
    timeoutMs?: number;
    /**
     * comes back with the answer: context without a place in the state
     */
    memo?: Uint8Array;
    /**
     * of the HTTP request
     */
    headers?: import("./headers.js").HeadersLike;
    /**
     * calls of one lane keep their order; unless given a lane of this actor's own
     */
    lane?: string;
};
export type TimerOptions = {
    /**
     * what becomes of times that nobody could tell of, because no host ran or the actor
     * was suspended: one message for all of them, whose `missed` counts the further ones; or none
     */
    missed?: "fire-once" | "skip";
};
export type Schedule = {
    atMs: number;
} | {
    afterMs: number;
} | {
    everyMs: number;
} | {
    cron: string;
    zone: string;
};
/** One turn's view of the host. */
export declare class Context {
    #private;
    /** @param {import("./host.js").Host} host */
    constructor(host: import("./host.js").Host);
    /** Who this actor is. */
    get self(): ActorId;
    /** Start of this try, Unix milliseconds; the same for the whole turn. `Date.now()` gives it too. */
    get nowMs(): number;
    /**
     * Random bytes that nobody outside can predict. Another try of the same message sees others.
     * `Math.random()` is seeded from them.
     * @param {number} length in bytes
     * @returns {Uint8Array}
     */
    random(length: number): Uint8Array;
    /**
     * A setting from `[config]` in `actor.toml`.
     * @param {string} key
     * @returns {string | undefined}
     */
    config(key: string): string | undefined;
    /**
     * Sends the value as JSON, or bytes as they are, to another actor or to itself: fire and forget, delivered exactly
     * once in effect, in order per receiver. Other kinds than its own need a grant in `actor.toml`.
     * A value that cannot be JSON ends the turn as `fail("message-does-not-encode")`; without a value the body is empty.
     * @param {import("./actor-id.js").ActorIdLike} to
     * @param {string} subject
     * @param {unknown} [value]
     * @param {SendOptions} [options]
     */
    send(to: import("./actor-id.js").ActorIdLike, subject: string, value?: unknown, options?: SendOptions): void;
    /**
     * Like `send`, but exactly one message with `msg.answer` comes back, `timed-out` at the latest.
     * @param {import("./actor-id.js").ActorIdLike} to
     * @param {string} subject
     * @param {unknown} value
     * @param {RequestOptions} options
     * @returns {string} the token that `msg.answer` will have
     */
    request(to: import("./actor-id.js").ActorIdLike, subject: string, value: unknown, options: RequestOptions): string;
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
    http(endpoint: string, method: string, path: string, value?: unknown, { timeoutMs, memo, headers, lane }?: CallOptions): string;
    /**
     * Answers a message whose turn ended in `later()`, in any later turn, with the value as JSON or bytes as they are.
     * The first answer counts; a made-up token fails the turn.
     * @param {string} replyToken
     * @param {unknown} value
     * @param {import("./headers.js").HeadersLike} [headers]
     */
    answer(replyToken: string, value: unknown, headers?: import("./headers.js").HeadersLike): void;
    /**
     * Sets a timer, in place of one of the same name. Fires as a message with subject `timer:NAME`; survives restarts.
     * @param {string} name
     * @param {Schedule} when
     * @param {unknown} [value] the body of that message
     * @param {TimerOptions} [options]
     */
    setTimer(name: string, when: Schedule, value?: unknown, { missed }?: TimerOptions): void;
    /**
     * Cancels a timer; one that is not set is no mistake.
     * @param {string} name
     */
    cancelTimer(name: string): void;
    /**
     * Forgets this actor: its state and timers are gone when the turn ends well, and the next message starts from
     * `initial()`. What `this.state` holds at the end of this turn is not stored.
     */
    delete(): void;
    /** Whether `delete` was called in this turn. */
    get isDeleted(): boolean;
    /**
     * Logs a line for this actor. Stays also when the turn fails. `console.log` and its like come here too.
     * @param {Level} level
     * @param {string} text
     */
    log(level: Level, text: string): void;
    /** Logs the finest detail. @param {string} text */
    trace(text: string): void;
    /** Logs for developers. @param {string} text */
    debug(text: string): void;
    /** Logs an ordinary event. @param {string} text */
    info(text: string): void;
    /** Logs what heals itself. @param {string} text */
    warn(text: string): void;
    /** Logs what somebody must look at. @param {string} text */
    error(text: string): void;
}
