/**
 * `TextEncoder` and `TextDecoder` for QuickJS, which has neither: UTF-8 as the Encoding Standard wants it.
 * Installed by `globals.js`. Built of functions that QuickJS has in C: a loop over bytes is thirty times slower here, so
 * only text that is not UTF-8 takes one. Never any other encoding than UTF-8, and no streaming.
 */

const UTF_8 = /^\s*(utf-?8|unicode-1-1-utf-8|unicode11utf8|unicode20utf8|x-unicode20utf8)\s*$/i;
const REPLACEMENT = "\ufffd";
const BYTE_ORDER_MARK = 0xfeff;

/** Text to UTF-8; half a surrogate pair becomes U+FFFD. */
export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  /**
   * @param {string} [text]
   * @returns {Uint8Array}
   */
  encode(text = "") {
    // A character for each byte, then by way of base 64 to bytes: both steps are C.
    const bytes = unescape(encodeURIComponent(String(text).toWellFormed()));
    return /** @type {any} */ (Uint8Array).fromBase64(btoa(bytes));
  }

  /**
   * As much of the text as there is room for, by whole characters.
   * @param {string} text
   * @param {Uint8Array} into
   * @returns {{ read: number, written: number }}
   */
  encodeInto(text, into) {
    let [read, written] = [0, 0];
    for (const character of text) {
      const bytes = this.encode(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

/** UTF-8 to text. What is not UTF-8 becomes U+FFFD, or throws a TypeError when `fatal`. */
export class TextDecoder {
  /**
   * @param {string} [label]
   * @param {{ fatal?: boolean, ignoreBOM?: boolean }} [options]
   */
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!UTF_8.test(label)) throw new RangeError(`TextDecoder: ${label}: only utf-8 is there`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  get encoding() {
    return "utf-8";
  }

  /**
   * @param {ArrayBuffer | ArrayBufferView} [input]
   * @param {{ stream?: boolean }} [options]
   * @returns {string}
   */
  decode(input = new Uint8Array(), options) {
    if (options?.stream) throw new TypeError("TextDecoder: streaming is not there: decode all bytes at once");
    const bytes = view(input);
    let text;
    try {
      text = decodeURIComponent(escape(atob(/** @type {any} */ (bytes).toBase64())));
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      if (this.fatal) throw new TypeError("the bytes are not UTF-8");
      text = replacing(bytes);
    }
    return text.charCodeAt(0) === BYTE_ORDER_MARK && !this.ignoreBOM ? text.slice(1) : text;
  }
}

/**
 * @param {ArrayBuffer | ArrayBufferView} input
 * @returns {Uint8Array}
 */
function view(input) {
  if (input instanceof Uint8Array) return input;
  return ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
}

/**
 * Byte by byte: each longest beginning of a character that never ends becomes one U+FFFD.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
function replacing(bytes) {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const form = formOf(first);
    let [code, missing] = [first & form.mask, form.more];
    for (let { low, high } = form; missing > 0 && bytes[at] >= low && bytes[at] <= high; [low, high] = [0x80, 0xbf]) {
      code = (code << 6) | (bytes[at++] & 0x3f);
      missing -= 1;
    }
    text += form.more > 0 && missing === 0 ? String.fromCodePoint(code) : REPLACEMENT;
  }
  return text;
}

/**
 * What a first byte announces: how many follow, which bits of it count, and the bounds of the second byte, which keep
 * out overlong forms, surrogates and what is beyond U+10FFFF.
 * @param {number} first
 */
function formOf(first) {
  if (first >= 0xc2 && first <= 0xdf) return { more: 1, mask: 0x1f, low: 0x80, high: 0xbf };
  if (first >= 0xe0 && first <= 0xef) {
    return { more: 2, mask: 0x0f, low: first === 0xe0 ? 0xa0 : 0x80, high: first === 0xed ? 0x9f : 0xbf };
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return { more: 3, mask: 0x07, low: first === 0xf0 ? 0x90 : 0x80, high: first === 0xf4 ? 0x8f : 0xbf };
  }
  return { more: 0, mask: 0, low: 0, high: 0 };
}
