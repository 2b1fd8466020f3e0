/**
 * Between values, text and bytes. Ground floor: pure functions, used by nearly every module.
 * Never decides what a failure means: what cannot be done throws, and the caller says what that is.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Characters that one call of `fromCharCode` takes at once: an argument each. */
const CHUNK = 4096;

/**
 * Text as UTF-8; half a surrogate pair becomes U+FFFD.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function toUtf8(text) {
  return encoder.encode(text);
}

/**
 * UTF-8 as text. Throws a TypeError when it is not UTF-8.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function fromUtf8(bytes) {
  return decoder.decode(bytes);
}

/**
 * JSON as a value. Throws when it is not UTF-8 or not JSON.
 * @param {Uint8Array} bytes
 * @returns {unknown}
 */
export function fromJson(bytes) {
  return JSON.parse(fromUtf8(bytes));
}

/**
 * Bytes as they are, text as UTF-8.
 * @param {Uint8Array | string} content
 * @returns {Uint8Array}
 */
export function raw(content) {
  return typeof content === "string" ? toUtf8(content) : content;
}

/**
 * Bytes as they are, anything else as JSON. Throws a TypeError for what cannot be JSON.
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export function toBody(value) {
  if (value instanceof Uint8Array) return value;
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${typeof value} is no JSON`);
  return toUtf8(text);
}

/**
 * Whether stored bytes are what an actor's `encode` gave. Without a loop of its own: that is slow in the sandbox.
 * @param {Uint8Array} stored
 * @param {Uint8Array | string} encoded
 * @returns {boolean}
 */
export function isSame(stored, encoded) {
  if (typeof encoded !== "string") return stored.length === encoded.length && oneToOne(stored) === oneToOne(encoded);
  if (stored.length < encoded.length) return false;
  try {
    return fromUtf8(stored) === encoded;
  } catch {
    return false;
  }
}

/**
 * A character for each byte.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
function oneToOne(bytes) {
  let text = "";
  for (let from = 0; from < bytes.length; from += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(from, from + CHUNK));
  }
  return text;
}
