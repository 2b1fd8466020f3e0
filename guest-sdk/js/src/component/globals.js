/**
 * Gives QuickJS what it lacks: `TextEncoder`, `TextDecoder`, `console`, and a `Math.random` that is not baked in.
 * The first import of every component, before any code of the author. `Date` is the host's clock already.
 * Never calls the host while the component is being built: there is none.
 */

import { consoleTo } from "../console.js";
import { seeded } from "../random.js";
import { host } from "./host.js";
import { TextDecoder, TextEncoder } from "./text.js";

/** @type {(() => number) | undefined} */
let random;

/** Begins a turn: from here the host can be called, and `Math.random` draws a new seed when it is used. */
export function beginTurn() {
  random = seeded(host.random);
}

Math.random = () => {
  if (random) return random();
  throw new Error("Math.random() outside of a turn: its result would be built in, the same in every actor. Call it in handle()");
};

const console = consoleTo((level, text) => {
  if (random) host.log(level, text);
});

Object.assign(globalThis, { console, TextDecoder, TextEncoder });
