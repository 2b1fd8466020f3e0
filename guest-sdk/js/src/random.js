/**
 * `Math.random` for one turn, seeded with the host's random bytes: without it QuickJS bakes one sequence into the
 * component at build, equal in every actor. Not for secrets: `ctx.random` is.
 */

/** Length of a seed. */
export const SEED_BYTES = 16;

/**
 * A generator of numbers from 0 to 1 without 1, by the algorithm sfc32.
 * @param {Uint8Array} seed `SEED_BYTES` random bytes
 * @returns {() => number}
 */
export function seeded(seed) {
  const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
  let [a, b, c, count] = [0, 4, 8, 12].map((offset) => view.getInt32(offset, true));
  const next = () => {
    const sum = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // 53 bits, as many as a number below 1 can have.
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
