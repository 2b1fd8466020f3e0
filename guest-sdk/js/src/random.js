/**
 * `Math.random` for one turn, seeded with the host's random bytes: without it QuickJS bakes one sequence into the
 * component at build, equal in every actor. Not for secrets: `ctx.random` is.
 */

/**
 * A generator of numbers from 0 to 1 without 1, by the algorithm sfc32. Draws its seed at the first number, not before.
 * @param {(length: number) => Uint8Array} draw random bytes
 * @returns {() => number}
 */
export function seeded(draw) {
  /** @type {Int32Array | undefined} */
  let words;
  const next = () => {
    words ??= seed(draw(16));
    const sum = (words[0] + words[1] + words[3]) | 0;
    words[3] = words[3] + 1;
    words[0] = words[1] ^ (words[1] >>> 9);
    words[1] = words[2] + (words[2] << 3);
    words[2] = ((words[2] << 21) | (words[2] >>> 11)) + sum;
    return sum >>> 0;
  };
  // 53 bits, as many as a number below 1 can have.
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/**
 * @param {Uint8Array} bytes 16 of them
 * @returns {Int32Array}
 */
function seed(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from([0, 4, 8, 12], (offset) => view.getInt32(offset, true));
}
