/**
 * The headers of a message. Ground floor: pure data; the host checks names and values when they are used.
 */
export type HeadersLike = Headers | Iterable<readonly [string, string]> | Record<string, string>;
/** @typedef {Headers | Iterable<readonly [string, string]> | Record<string, string>} HeadersLike */
/** Header names and values in order. Names are `[A-Za-z0-9-]+` and compare without regard to case. */
export declare class Headers {
    #private;
    /** @param {HeadersLike} [headers] a list of pairs is kept as it is */
    constructor(headers?: HeadersLike);
    /**
     * The first value under this name.
     * @param {string} name
     * @returns {string | undefined}
     */
    get(name: string): string | undefined;
    /** Names and values in order. */
    [Symbol.iterator](): ArrayIterator<readonly [string, string]>;
}
