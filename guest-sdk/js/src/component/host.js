/**
 * The host in the sandbox: each method is one import. Called by `context.js` and `turn.js`.
 * An import that the host denies ends the turn there: nothing here returns an error.
 * Text with half a surrogate pair would trap without a word, so all text is made well-formed.
 */

import messaging from "hydra:actor/messaging@0.1.0";
import runtime from "hydra:actor/runtime@0.1.0";
import state from "hydra:actor/state@0.1.0";
import timers from "hydra:actor/timers@0.1.0";

/** @type {import("../host.js").Host} */
export const host = {
  self: () => runtime.self(),
  log: (level, text) => runtime.log(level, text.toWellFormed()),
  nowMs: () => runtime.nowMs(),
  random: (length) => runtime.random(length),
  config: (key) => runtime.config(key.toWellFormed()) ?? undefined,
  state: () => state.get() ?? undefined,
  setState: (bytes) => state.set(bytes),
  deleteState: () => state.delete(),
  send: (to, subject, body, options) => {
    messaging.send(toWit(to), subject.toWellFormed(), body, wellFormed(options));
  },
  request: (to, subject, body, timeoutMs, memo, options) => {
    return messaging.request(toWit(to), subject.toWellFormed(), body, timeoutMs, memo, wellFormed(options));
  },
  answer: (replyToken, headers, body) => {
    messaging.answer(replyToken.toWellFormed(), { headers: wellFormedPairs(headers), body });
  },
  setTimer: (name, when, body, missed) => timers.set(name.toWellFormed(), schedule(when), body, missed),
  cancelTimer: (name) => timers.cancel(name.toWellFormed()),
};

/**
 * @param {import("../actor-id.js").ActorId} actor
 * @returns {WitActorId}
 */
function toWit({ kind, id }) {
  return { kind: kind.toWellFormed(), id: id.toWellFormed() };
}

/**
 * None when they say nothing: each record costs time at the border.
 * @param {import("../host.js").DeliveryOptions} options
 * @returns {WitOptions | null}
 */
function wellFormed({ headers, priority }) {
  if (headers.length === 0 && priority === "normal") return null;
  return { headers: wellFormedPairs(headers), priority };
}

/**
 * @param {import("../outcome.js").Pair[]} headers
 * @returns {WitHeaders}
 */
export function wellFormedPairs(headers) {
  return headers.map(([name, value]) => [String(name).toWellFormed(), String(value).toWellFormed()]);
}

/**
 * @param {import("../context.js").Schedule} when
 * @returns {WitSchedule}
 */
function schedule(when) {
  if ("atMs" in when) return { tag: "at-ms", val: when.atMs };
  if ("afterMs" in when) return { tag: "after-ms", val: when.afterMs };
  if ("everyMs" in when) return { tag: "every-ms", val: when.everyMs };
  return { tag: "cron", val: [when.cron.toWellFormed(), when.zone.toWellFormed()] };
}
