/**
 * Keeps `src/component/contract.d.ts` and `host.js` in step with `wit/actor.wit`, by names and parameters.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

/** The host of this version has no topics, so the SDK has none. */
const LEFT_OUT = ["publish", "subscribe", "unsubscribe"];

/** @param {string} path */
const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8").replace(/\/\/.*$/gm, "");
/** @param {string} name */
const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

const wit = read("wit/actor.wit");
const contract = read("src/component/contract.d.ts");

/**
 * The block that begins with this text.
 * @param {string} text
 * @param {string} start
 */
function block(text, start) {
  const from = text.indexOf(start);
  assert.notEqual(from, -1, start);
  return text.slice(from, text.indexOf("\n}", from));
}

test("every function of the imports is there, with its parameters", () => {
  for (const name of ["runtime", "state", "messaging", "timers"]) {
    const functions = block(wit, `interface ${name} {`).matchAll(/^ {2}([a-z-]+): func\(([^)]*)\)/gm);
    const wanted = Array.from(functions, ([, called, parameters]) => {
      const names = Array.from(parameters.matchAll(/([a-z-]+):/g), ([, parameter]) => camel(parameter));
      return `${camel(called)}(${names})`;
    });
    const declared = block(contract, `declare module "hydra:actor/${name}@0.1.0"`).matchAll(/^ {4}(\w+)\((.*)\): /gm);
    const found = Array.from(declared, ([, called, parameters]) => {
      return `${called}(${Array.from(parameters.matchAll(/(\w+):/g), ([, parameter]) => parameter)})`;
    });
    const offered = wanted.filter((signature) => !LEFT_OUT.includes(signature.slice(0, signature.indexOf("("))));
    assert.deepEqual(found, offered, name);
  }
});

test("every field of a message is there", () => {
  const fields = block(wit, "record message {").split("\n  }")[0].matchAll(/^ {4}([a-z-]+):/gm);
  const found = block(contract, "type WitMessage = {").split("\n};")[0].matchAll(/^ {2}(\w+):/gm);
  assert.deepEqual(Array.from(found, ([, name]) => name), Array.from(fields, ([, name]) => camel(name)));
});

test("every case of a variant is there", () => {
  for (const variant of ["outcome", "failure", "ending", "schedule"]) {
    const type = `Wit${variant[0].toUpperCase()}${variant.slice(1)}`;
    const [, inside] = new RegExp(`variant ${variant} \\{([^}]*)\\}`).exec(wit.replace(/\/\/\/.*$/gm, "")) ?? [];
    const cases = Array.from(inside.replace(/\([^,]*\)|\(tuple.*?\)/g, "").matchAll(/[a-z-]+/g), ([name]) => name);
    const declared = contract.slice(contract.indexOf(`type ${type} =`)).split("};\n")[0];
    const found = Array.from(declared.matchAll(/"([a-z-]+)"/g), ([, name]) => name);
    assert.deepEqual(found.sort(), cases.sort(), variant);
  }
});
