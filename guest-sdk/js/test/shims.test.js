/**
 * What QuickJS is given: the UTF-8 shims against those of Node, `Math.random`, `describe`.
 */

import assert from "node:assert/strict";
import test from "node:test";

import { TextDecoder as OurDecoder, TextEncoder as OurEncoder } from "../src/component/text.js";
import { toJson } from "../src/describe.js";
import { SEED_BYTES, seeded } from "../src/random.js";

/** Bytes that are UTF-8, nearly, or not at all, each also between two letters. */
const BYTES = [
  [], [0], [0x7f], [0xc2, 0x80], [0xdf, 0xbf], [0xe0, 0xa0, 0x80], [0xef, 0xbf, 0xbf], [0xf0, 0x90, 0x80, 0x80], [0xf4, 0x8f, 0xbf, 0xbf],
  [0xef, 0xbb, 0xbf, 0x41], [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf],
  [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xed, 0xb0, 0x80, 0x80],
  [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xfe, 0xfe],
  [0xc2], [0xe1, 0x80], [0xe1], [0xf1, 0x80, 0x80], [0xf1, 0x80], [0xf1], [0xe1, 0x80, 0xc3, 0xa4], [0xf1, 0x80, 0xe1, 0x80, 0xc2],
].flatMap((bytes) => [bytes, [0x41, ...bytes, 0x42]]);

// Node 20 does not have these two, which QuickJS has in C.
const prototype = /** @type {any} */ (Uint8Array.prototype);
prototype.toBase64 ??= /** @this {Uint8Array} */ function () {
  return Buffer.from(this).toString("base64");
};
/** @type {any} */ (Uint8Array).fromBase64 ??= /** @param {string} text */ (text) => Uint8Array.from(Buffer.from(text, "base64"));

/** @param {() => unknown} call */
function result(call) {
  try {
    return call();
  } catch (error) {
    return /** @type {Error} */ (error).constructor.name;
  }
}

test("bytes decode as in Node", () => {
  for (const list of BYTES) {
    const bytes = Uint8Array.from(list);
    for (const options of [{}, { fatal: true }, { ignoreBOM: true }]) {
      const [ours, theirs] = [new OurDecoder("utf-8", options), new TextDecoder("utf-8", options)];
      assert.equal(result(() => ours.decode(bytes)), result(() => theirs.decode(bytes)), `${list} ${JSON.stringify(options)}`);
    }
  }
  assert.equal(new OurDecoder().decode(new Uint16Array([0x4241]).buffer), "AB");
  assert.equal(new OurDecoder().decode(), "");
  assert.throws(() => new OurDecoder("latin1"), RangeError);
});

test("text encodes as in Node", () => {
  for (const text of ["", "a", "\0", "ä", "€", "😀", "\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "\ufffe", "ä".repeat(100_000)]) {
    assert.deepEqual([...new OurEncoder().encode(text)], [...new TextEncoder().encode(text)], JSON.stringify(text.slice(0, 9)));
  }
  const into = new Uint8Array(4);
  assert.deepEqual(new OurEncoder().encodeInto("a😀", into), { read: 1, written: 1 });
  assert.deepEqual(new OurEncoder().encodeInto("a€b", into), { read: 2, written: 4 });
});

test("Math.random follows its seed", () => {
  const from = (/** @type {number} */ seed) => seeded(new Uint8Array(SEED_BYTES).fill(seed));
  const [first, again] = [from(1), from(1)];
  const numbers = Array.from({ length: 1000 }, first);
  assert.deepEqual(Array.from({ length: 1000 }, again), numbers);
  assert.notEqual(from(2)(), numbers[0]);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  assert.ok(Math.abs(numbers.reduce((sum, number) => sum + number) / 1000 - 0.5) < 0.05);
});

test("examples become schemas", () => {
  const order = { item: "tea", pieces: 2, marks: [true], price: 1.5, note: null };
  const said = JSON.parse(toJson({ about: "Orders.", subjects: { order: { about: "Takes one.", body: order } } }));
  const properties = {
    item: { type: "string" },
    pieces: { type: "integer" },
    marks: { type: "array", items: { type: "boolean" } },
    price: { type: "number" },
    note: {},
  };
  const body = { schema: { type: "object", properties }, example: order };
  assert.deepEqual(said, { about: "Orders.", subjects: [{ subject: "order", about: "Takes one.", body }] });
});
