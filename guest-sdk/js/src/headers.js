/**
 * The headers of a message. Ground floor: pure data; the host checks names and values when they are used.
 */

/** @typedef {Headers | Iterable<readonly [string, string]> | Record<string, string>} HeadersLike */

/** Header names and values in order. Names are `[A-Za-z0-9-]+` and compare without regard to case. */
export class Headers {
  /** @type {readonly (readonly [string, string])[]} */
  #pairs;

  /** @param {HeadersLike} [headers] a list of pairs is kept as it is */
  constructor(headers = []) {
    if (Array.isArray(headers)) this.#pairs = headers;
    else this.#pairs = Symbol.iterator in headers ? [.../** @type {Iterable<[string, string]>} */ (headers)] : Object.entries(headers);
  }

  /**
   * The first value under this name.
   * @param {string} name
   * @returns {string | undefined}
   */
  get(name) {
    const wanted = name.toLowerCase();
    return this.#pairs.find(([have]) => have.toLowerCase() === wanted)?.[1];
  }

  /** Names and values in order. */
  [Symbol.iterator]() {
    return this.#pairs.values();
  }
}
