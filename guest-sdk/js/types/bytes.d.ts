/**
 * Between values, text and bytes. Ground floor: pure functions, used by nearly every module.
 * Never decides what a failure means: what cannot be done throws, and the caller says what that is.
 */
/**
 * Text as UTF-8; half a surrogate pair becomes U+FFFD.
 * @param {string} text
 * @returns {Uint8Array}
 */
export declare function toUtf8(text: string): Uint8Array;
/**
 * UTF-8 as text. Throws a TypeError when it is not UTF-8.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export declare function fromUtf8(bytes: Uint8Array): string;
/**
 * JSON as a value. Throws when it is not UTF-8 or not JSON.
 * @param {Uint8Array} bytes
 * @returns {unknown}
 */
export declare function fromJson(bytes: Uint8Array): unknown;
/**
 * Bytes as they are, text as UTF-8.
 * @param {Uint8Array | string} content
 * @returns {Uint8Array}
 */
export declare function raw(content: Uint8Array | string): Uint8Array;
/**
 * Bytes as they are, anything else as JSON. Throws a TypeError for what cannot be JSON.
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export declare function toBody(value: unknown): Uint8Array;
/**
 * Whether two lists of bytes are equal.
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 * @returns {boolean}
 */
export declare function isSame(one: Uint8Array, other: Uint8Array): boolean;
