/**
 * The host as a turn sees it, as a type: in the sandbox `component/host.js`, in a test `simulated.js`.
 * No code: both implement this, and `context.js` and `turn.js` know nothing else.
 */
export type DeliveryOptions = {
    headers: import("./outcome.js").Pair[];
    priority: "normal" | "high" | "low";
};
export type Host = {
    self: () => {
        kind: string;
        id: string;
    };
    log: (level: import("./context.js").Level, text: string) => void;
    nowMs: () => number;
    random: (length: number) => Uint8Array;
    config: (key: string) => string | undefined;
    state: () => Uint8Array | undefined;
    setState: (bytes: Uint8Array) => void;
    deleteState: () => void;
    send: (to: import("./actor-id.js").ActorId, subject: string, body: Uint8Array, options: DeliveryOptions) => void;
    request: (to: import("./actor-id.js").ActorId, subject: string, body: Uint8Array, timeoutMs: number, memo: Uint8Array, options: DeliveryOptions) => string;
    answer: (replyToken: string, headers: import("./outcome.js").Pair[], body: Uint8Array) => void;
    setTimer: (name: string, when: import("./context.js").Schedule, body: Uint8Array, missed: "fire-once" | "skip") => void;
    cancelTimer: (name: string) => void;
};
/**
 * @typedef {object} DeliveryOptions
 * @property {import("./outcome.js").Pair[]} headers
 * @property {"normal" | "high" | "low"} priority
 */
/**
 * @typedef {object} Host
 * @property {() => { kind: string, id: string }} self
 * @property {(level: import("./context.js").Level, text: string) => void} log
 * @property {() => number} nowMs
 * @property {(length: number) => Uint8Array} random
 * @property {(key: string) => string | undefined} config
 * @property {() => Uint8Array | undefined} state
 * @property {(bytes: Uint8Array) => void} setState
 * @property {() => void} deleteState
 * @property {(to: import("./actor-id.js").ActorId, subject: string, body: Uint8Array, options: DeliveryOptions) => void} send
 * @property {(to: import("./actor-id.js").ActorId, subject: string, body: Uint8Array, timeoutMs: number,
 *   memo: Uint8Array, options: DeliveryOptions) => string} request
 * @property {(replyToken: string, headers: import("./outcome.js").Pair[], body: Uint8Array) => void} answer
 * @property {(name: string, when: import("./context.js").Schedule, body: Uint8Array,
 *   missed: "fire-once" | "skip") => void} setTimer
 * @property {(name: string) => void} cancelTimer
 */
export {};
