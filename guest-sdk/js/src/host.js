/**
 * The host as a turn sees it, as a type: in the sandbox `component/host.js`, in a test `simulated.js`.
 * No code: both implement this, and `context.js` and `turn.js` know nothing else.
 */

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
