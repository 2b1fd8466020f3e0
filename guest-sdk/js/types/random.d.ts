/**
 * `Math.random` for one turn, seeded with the host's random bytes: without it QuickJS bakes one sequence into the
 * component at build, equal in every actor. Not for secrets: `ctx.random` is.
 */
/**
 * A generator of numbers from 0 to 1 without 1, by the algorithm sfc32. Draws its seed at the first number, not before.
 * @param {(length: number) => Uint8Array} draw random bytes
 * @returns {() => number}
 */
export declare function seeded(draw: (length: number) => Uint8Array): () => number;
