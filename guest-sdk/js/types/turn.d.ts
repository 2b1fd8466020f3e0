/**
 * One turn: state in, message handled, state out. The same code in the sandbox and in a test.
 * Called by `component/exports.js` and `testing.js`, calls the author's actor.
 * Never writes state that did not change, and never after a failure.
 */
export type ActorClass<State> = new () => import("./actor.js").Actor<State>;
/**
 * @template State
 * @typedef {new () => import("./actor.js").Actor<State>} ActorClass what an author exports
 */
/**
 * Handles one message. An error that is no `Failure` is logged with its stack, then thrown on.
 * @template State
 * @param {ActorClass<State>} Kind
 * @param {import("./host.js").Host} host
 * @param {import("./message.js").Message} msg
 * @param {boolean} activated it is the first since the actor was created or slept
 * @returns {import("./outcome.js").Outcome}
 */
export declare function run<State>(Kind: ActorClass<State>, host: import("./host.js").Host, msg: import("./message.js").Message, activated: boolean): import("./outcome.js").Outcome;
/**
 * An error in one line.
 * @param {unknown} error
 * @returns {string}
 */
export declare function brief(error: unknown): string;
/**
 * An error with its stack, as one log line. QuickJS leaves the message out of the stack, others begin with it.
 * @param {unknown} error
 * @returns {string}
 */
export declare function told(error: unknown): string;
