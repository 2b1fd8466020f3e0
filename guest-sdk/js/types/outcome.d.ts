/**
 * How a turn ends: what `handle` returns, and the few functions that build it.
 * Ground floor: pure data. `component/exports.js` hands it to the host.
 */
export type Outcome = Success | Failure;
export type Pair = readonly [string, string];
/** A turn that did its work. Its effects are stored all together. */
export declare class Success {
    type: "done" | "later" | "reply";
    headers: Pair[];
    body: Uint8Array<ArrayBufferLike>;
    /**
     * @param {"done" | "reply" | "later"} type
     * @param {Pair[]} headers of a reply
     * @param {Uint8Array} body of a reply
     */
    constructor(type: "done" | "reply" | "later", headers: Pair[], body: Uint8Array);
}
/** A turn that did not. Its effects are dropped all together. To be returned or thrown. */
export declare class Failure extends Error {
    type: "fail" | "refuse" | "retry" | "suspend";
    code: string;
    text: string;
    afterMs: number | undefined;
    /**
     * @param {"refuse" | "fail" | "retry" | "suspend"} type
     * @param {string} code for programs, for example `insufficient-funds`
     * @param {string} text for people
     * @param {number} [afterMs] of a retry: milliseconds until the next try; undefined: the host's back-off
     */
    constructor(type: "refuse" | "fail" | "retry" | "suspend", code: string, text: string, afterMs?: number);
}
/** Handled, nothing to say: whoever waits gets an empty answer. */
export declare function done(): Success;
/**
 * Handled; answers with the value as JSON, or with bytes as they are.
 * A value that cannot be JSON ends the turn as `fail("reply-does-not-encode")`.
 * @param {unknown} value
 * @param {import("./headers.js").HeadersLike} [headers] JSON has `content-type: application/json` in any case
 */
export declare function reply(value: unknown, headers?: import("./headers.js").HeadersLike): Success;
/** The caller goes on waiting, until `ctx.answer` in a later turn or its time-out. Keep `msg.replyToken`. */
export declare function later(): Success;
/**
 * The caller's mistake: the caller is told. If nobody waits, the message becomes a dead letter.
 * @param {string} code
 * @param {string} text
 */
export declare function refuse(code: string, text: string): Failure;
/**
 * This message can never be handled: it becomes a dead letter, and the caller is told.
 * @param {string} code
 * @param {string} text
 */
export declare function fail(code: string, text: string): Failure;
/**
 * May work later: the same message comes again, before any other.
 * @param {string} code
 * @param {string} text
 * @param {number} [afterMs] milliseconds until then; without it the host's back-off
 */
export declare function retry(code: string, text: string, afterMs?: number): Failure;
/**
 * Nothing can be handled until a human acts: the actor stops, its messages wait.
 * @param {string} code
 * @param {string} text
 */
export declare function suspend(code: string, text: string): Failure;
/**
 * Headers and body of an answer; throws a failure that names what did not encode.
 * @param {string} what
 * @param {unknown} value
 * @param {import("./headers.js").HeadersLike} [headers]
 * @returns {[Pair[], Uint8Array]}
 */
export declare function payload(what: string, value: unknown, headers?: import("./headers.js").HeadersLike): [Pair[], Uint8Array];
/**
 * Headers as a list.
 * @param {import("./headers.js").HeadersLike} [headers]
 * @returns {Pair[]}
 */
export declare function pairsOf(headers?: import("./headers.js").HeadersLike): Pair[];
/**
 * A body; throws a failure that names what did not encode.
 * @param {string} what
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export declare function encoded(what: string, value: unknown): Uint8Array;
/**
 * A time that the host takes: a whole number, and not negative.
 * @param {string} name
 * @param {number} value
 * @returns {number}
 */
export declare function milliseconds(name: string, value: number): number;
