/**
 * `Math.random` for one turn, seeded with the host's random bytes: without it QuickJS bakes one sequence into the
 * component at build, equal in every actor. Not for secrets: `ctx.random` is.
 */
/** Length of a seed. */
export declare const SEED_BYTES = 16;
/**
 * A generator of numbers from 0 to 1 without 1, by the algorithm sfc32.
 * @param {Uint8Array} seed `SEED_BYTES` random bytes
 * @returns {() => number}
 */
export declare function seeded(seed: Uint8Array): () => number;
