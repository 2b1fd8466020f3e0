/**
 * `console` as an actor's log lines: QuickJS has none, and a test wants to look at them.
 * Installed by `component/globals.js` and `simulated.js`. Only what writes lines: no tables, groups, counters or timers.
 */
export type LogConsole = Pick<Console, "log" | "info" | "debug" | "trace" | "warn" | "error">;
/** @typedef {Pick<Console, "log" | "info" | "debug" | "trace" | "warn" | "error">} LogConsole */
/**
 * A console whose lines go to `log`.
 * @param {(level: import("./context.js").Level, text: string) => void} log
 * @returns {LogConsole}
 */
export declare function consoleTo(log: (level: import("./context.js").Level, text: string) => void): LogConsole;
