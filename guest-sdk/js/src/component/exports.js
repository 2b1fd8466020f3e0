/**
 * The component's exports, made of the author's actor. Called by the host, calls `turn.js`; `bin/hydra-build.js` writes
 * the module that calls `component`. The end of the raw bindings: what goes further in is `Message` and `Context`.
 * Whatever is thrown and is no `failure` becomes a trap in the runtime: the turn leaves nothing behind but its log.
 */

// First: the modules after it use what it installs.
import { beginTurn } from "./globals.js";

import { Actor } from "../actor.js";
import { ActorId } from "../actor-id.js";
import { raw } from "../bytes.js";
import { toJson } from "../describe.js";
import { Headers } from "../headers.js";
import { Answer, Message } from "../message.js";
import { Failure } from "../outcome.js";
import { run, told } from "../turn.js";
import { host, wellFormedPairs } from "./host.js";

/**
 * @template State
 * @param {unknown} exported what the author's module exports as default
 */
export function component(exported) {
  if (!(typeof exported === "function" && exported.prototype instanceof Actor)) {
    throw new TypeError("the actor's module must export a class as default, one that extends Actor of hydra-sdk");
  }
  const Kind = /** @type {import("../turn.js").ActorClass<State>} */ (/** @type {unknown} */ (exported));
  /** The host called `activated`; the message that follows in the same turn acts on it, so that the state is decoded once. */
  let wasActivated = false;

  const handler = {
    /** @param {WitMessage} msg @returns {WitOutcome} */
    handle(msg) {
      const activated = wasActivated;
      wasActivated = false;
      beginTurn();
      const outcome = run(Kind, host, toMessage(msg), activated);
      if (outcome instanceof Failure) throw toFailure(outcome);
      if (outcome.type !== "reply") return { tag: outcome.type };
      return { tag: "reply", val: { headers: wellFormedPairs(outcome.headers), body: outcome.body } };
    },
  };

  const lifecycle = {
    activated() {
      wasActivated = true;
    },
    /** @param {number} fromVersion @param {Uint8Array} bytes @returns {Uint8Array} */
    migrate(fromVersion, bytes) {
      beginTurn();
      const migrated = migrate(new Kind(), fromVersion, bytes);
      if (migrated instanceof Failure) throw toFault(migrated);
      return raw(migrated);
    },
    /** @returns {string} */
    describe() {
      beginTurn();
      return toJson(new Kind().describe());
    },
  };
  return { handler, lifecycle };
}

/**
 * @template State
 * @param {Actor<State>} actor
 * @param {number} fromVersion
 * @param {Uint8Array} bytes
 */
function migrate(actor, fromVersion, bytes) {
  try {
    return actor.migrate(fromVersion, bytes);
  } catch (error) {
    if (error instanceof Failure) return error;
    host.log("error", `migrate from version ${fromVersion}: ${told(error)}`);
    throw error;
  }
}

/**
 * @param {WitMessage} msg
 * @returns {Message}
 */
function toMessage(msg) {
  return new Message({
    id: msg.id,
    sender: msg.sender ? ActorId.from(msg.sender) : undefined,
    subject: msg.subject,
    headers: new Headers(msg.headers),
    body: msg.body,
    acceptedAtMs: msg.acceptedAtMs,
    attempt: msg.attempt,
    replyToken: msg.replyToken ?? undefined,
    answer: msg.answer ? toAnswer(msg.answer) : undefined,
  });
}

/**
 * @param {NonNullable<WitMessage["answer"]>} answer
 * @returns {Answer}
 */
function toAnswer({ token, memo, ending }) {
  return new Answer(token, memo, ending.tag, "val" in ending ? ending.val : undefined);
}

/**
 * @param {Failure} failure
 * @returns {WitFailure}
 */
function toFailure(failure) {
  if (failure.type !== "retry") return { tag: failure.type, val: toFault(failure) };
  return { tag: "retry", val: { fault: toFault(failure), afterMs: failure.afterMs ?? null } };
}

/**
 * @param {Failure} failure
 * @returns {WitFault}
 */
function toFault({ code, text }) {
  return { code: String(code).toWellFormed(), text: String(text).toWellFormed() };
}
