/**
 * Write actors for Hydra in JavaScript or TypeScript. An actor is a class; a message goes in, an outcome comes out.
 *
 * Reading order, a message's way: `component/exports.js` (the component's exports) → `turn.js` (one message: decode,
 * handle, encode) → `actor.js` (what an author extends) with `message.js`, `context.js` and `outcome.js` →
 * `component/host.js` (the imports), or `simulated.js` in a test. Never imports anything that only exists in the sandbox.
 */
export { Actor } from "./actor.js";
export { ActorId } from "./actor-id.js";
export { Context } from "./context.js";
export { Headers } from "./headers.js";
export { Answer, Message } from "./message.js";
export { done, fail, Failure, later, refuse, reply, retry, Success, suspend } from "./outcome.js";
export type Bytes = import("./actor.js").Bytes;
export type Level = import("./context.js").Level;
export type SendOptions = import("./context.js").SendOptions;
export type RequestOptions = import("./context.js").RequestOptions;
export type Schedule = import("./context.js").Schedule;
export type Description = import("./describe.js").Description;
export type Subject = import("./describe.js").Subject;
export type ActorIdLike = import("./actor-id.js").ActorIdLike;
export type Ending = import("./message.js").Ending;
export type HeadersLike = import("./headers.js").HeadersLike;
export type Outcome = import("./outcome.js").Outcome;
/** @typedef {import("./actor.js").Bytes} Bytes */
/** @typedef {import("./context.js").Level} Level */
/** @typedef {import("./context.js").SendOptions} SendOptions */
/** @typedef {import("./context.js").RequestOptions} RequestOptions */
/** @typedef {import("./context.js").Schedule} Schedule */
/** @typedef {import("./describe.js").Description} Description */
/** @typedef {import("./describe.js").Subject} Subject */
/** @typedef {import("./actor-id.js").ActorIdLike} ActorIdLike */
/** @typedef {import("./message.js").Ending} Ending */
/** @typedef {import("./headers.js").HeadersLike} HeadersLike */
/** @typedef {import("./outcome.js").Outcome} Outcome */
