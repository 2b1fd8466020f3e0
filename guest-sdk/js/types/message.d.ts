/**
 * What arrives: a message, and the answer to a request if it is one.
 * Pure data. `component/exports.js` fills it from the host, `testing.js` from a test.
 */
export type Ending = "replied" | "done" | "refused" | "failed" | "timed-out";
/** @typedef {"replied" | "done" | "refused" | "failed" | "timed-out"} Ending how a request ended */
/** How a request of this actor ended; the body and the headers of the message are the answer's. */
export declare class Answer {
    token: string;
    memo: Uint8Array<ArrayBufferLike>;
    ending: Ending;
    fault: {
        code: string;
        text: string;
    } | undefined;
    /**
     * @param {string} token what `ctx.request` returned
     * @param {Uint8Array} memo the bytes given to `ctx.request`
     * @param {Ending} ending
     * @param {{ code: string, text: string }} [fault] why it was refused or failed
     */
    constructor(token: string, memo: Uint8Array, ending: Ending, fault?: {
        code: string;
        text: string;
    });
}
export type MessageParts = {
    id: string;
    sender?: import("./actor-id.js").ActorId;
    subject: string;
    headers: import("./headers.js").Headers;
    body: Uint8Array;
    acceptedAtMs: number;
    attempt: number;
    replyToken?: string;
    answer?: Answer;
};
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
export declare class Message {
    #private;
    /** Unique, and the same on every try: usable as an idempotency key outside. */
    id: string;
    /** The sending actor; undefined: sent from outside. */
    sender: import("./actor-id.js").ActorId | undefined;
    /** What it is, for example `deposit`. With a colon it is the host's own: `timer:NAME`, `answer:`. */
    subject: string;
    /** The sender's own headers; `content-type` is one of them. */
    headers: import("./headers.js").Headers;
    /** The bytes. */
    body: Uint8Array<ArrayBufferLike>;
    /** When the host stored it, Unix milliseconds. */
    acceptedAtMs: number;
    /** 1 for the first try of this message, one more after each retry or crash. */
    attempt: number;
    /** Someone waits: keep it to answer in a later turn. */
    replyToken: string | undefined;
    /** This message ends a request that this actor made. */
    answer: Answer | undefined;
    /** @param {MessageParts} parts */
    constructor(parts: MessageParts);
    /** The name of the timer that fired; undefined: this is another message. */
    get timer(): string | undefined;
    /** Of a timer that repeats: how many further times passed before this one was told. */
    get missed(): number;
    /** The HTTP status with which a call was answered; undefined: this is another message, or there was no response. */
    get status(): number | undefined;
    /**
     * The body, read as JSON. A body that is not JSON, or that `accepts` does not accept, is refused with the code
     * `body-does-not-decode`: nothing to catch.
     * @template T
     * @param {((value: unknown) => value is T) | ((value: unknown) => boolean)} [accepts] whether the value has the
     *   expected shape, for example `Number.isInteger`; without it the shape is not checked
     * @returns {T}
     */
    json<T>(accepts?: ((value: unknown) => value is T) | ((value: unknown) => boolean)): T;
    /**
     * The body, read as UTF-8. A body that is not is refused with the code `body-does-not-decode`.
     * @returns {string}
     */
    text(): string;
}
