/**
 * Gives QuickJS what it lacks: `TextEncoder`, `TextDecoder`, `console`, and a `Math.random` that is not baked in.
 * The first import of every component, before any code of the author. `Date` is the host's clock already.
 * Never calls the host while the component is being built: there is none.
 */

import { consoleTo } from "../console.js";
import { SEED_BYTES, seeded } from "../random.js";
import { host } from "./host.js";
import { TextDecoder, TextEncoder } from "./text.js";

let inTurn = false;
/** @type {(() => number) | undefined} */
let random;

/** Begins a turn: from here the host can be called, and `Math.random` draws a new seed when it is used. */
export function beginTurn() {
  inTurn = true;
  random = undefined;
}

Math.random = () => {
  if (!inTurn) throw new Error("Math.random() outside of a turn would be built in, the same in every actor: call it in handle()");
  random ??= seeded(host.random(SEED_BYTES));
  return random();
};

const console = consoleTo((level, text) => {
  if (inTurn) host.log(level, text);
});

Object.assign(globalThis, { console, TextDecoder, TextEncoder });
