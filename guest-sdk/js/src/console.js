/**
 * `console` as an actor's log lines: QuickJS has none, and a test wants to look at them.
 * Installed by `component/globals.js` and `simulated.js`. Only what writes lines: no tables, groups, counters or timers.
 */

/** @typedef {Pick<Console, "log" | "info" | "debug" | "trace" | "warn" | "error">} LogConsole */

/**
 * A console whose lines go to `log`.
 * @param {(level: import("./context.js").Level, text: string) => void} log
 * @returns {LogConsole}
 */
export function consoleTo(log) {
  /** @param {import("./context.js").Level} level */
  const at = (level) => /** @param {unknown[]} values */ (...values) => log(level, values.map(shown).join(" "));
  return { log: at("info"), info: at("info"), debug: at("debug"), trace: at("trace"), warn: at("warn"), error: at("error") };
}

/**
 * Text as it is, an error with its stack, everything else as JSON if it can be.
 * @param {unknown} value
 * @returns {string}
 */
function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value}\n${value.stack ?? ""}`.trimEnd();
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
