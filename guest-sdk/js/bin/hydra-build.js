#!/usr/bin/env node
/**
 * Builds an actor: `hydra-build [ENTRY] [OUTPUT]`, by default `src/actor.ts` or `src/actor.js` to `build/actor.wasm`.
 * Checks types if there is a `tsconfig.json`, bundles with esbuild, makes a component with componentize-qjs.
 * Called by the project's `npm run build`. Uses the project's own copies of these tools; never fetches anything.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const project = createRequire(path.resolve("package.json"));

/** What the user can mend: said in one line, without a stack. */
class Problem extends Error {}

async function main() {
  const [entry = existsSync("src/actor.ts") ? "src/actor.ts" : "src/actor.js", output = "build/actor.wasm"] = process.argv.slice(2);
  if (!existsSync(entry)) throw new Problem(`${entry} is not there: run this in the project's folder, or name the actor's file`);
  if (existsSync("tsconfig.json")) checkTypes();
  const bundle = output.replace(/(\.wasm)?$/, ".js");
  mkdirSync(path.dirname(output), { recursive: true });
  await bundled(entry, bundle);
  await componentized(bundle, output);
}

/** Runs `tsc`, which says itself what is wrong. */
function checkTypes() {
  const tsc = path.join(path.dirname(located("typescript/package.json")), "bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "--noEmit"], { stdio: "inherit" });
  if (status !== 0) throw new Problem("the types do not fit: see above");
}

/**
 * The actor, its SDK and whatever it imports, as one readable module: the lines of stacks in the log are its lines.
 * @param {string} entry
 * @param {string} bundle
 */
async function bundled(entry, bundle) {
  const { build } = await imported("esbuild");
  const contents = `import { component } from ${JSON.stringify(ofSdk("src/component/exports.js"))};
import * as actor from ${JSON.stringify(path.resolve(entry))};
export const { handler, lifecycle } = component(actor.default);`;
  try {
    await build({
      stdin: { contents, resolveDir: process.cwd(), sourcefile: "hydra-build" },
      outfile: bundle,
      bundle: true,
      format: "esm",
      target: "es2023",
      external: ["hydra:*"],
      logLevel: "warning",
    });
  } catch {
    throw new Problem(`${entry} could not be bundled: see above`);
  }
}

/**
 * @param {string} bundle
 * @param {string} output
 */
async function componentized(bundle, output) {
  const { componentize } = await imported("componentize-qjs");
  const options = { witPath: ofSdk("wit"), world: "full-actor", sync: true };
  try {
    const { component } = await componentize({ ...options, jsSource: readFileSync(bundle, "utf8"), jsPath: bundle });
    writeFileSync(output, component);
    console.error(`${output}: ${component.length} bytes`);
  } catch (error) {
    throw new Problem(`${bundle} did not become a component: its modules are run once while building, without a host\n${error}`);
  }
}

/**
 * A file of the SDK that the project has installed, which is the one that the actor imports.
 * @param {string} file
 * @returns {string}
 */
function ofSdk(file) {
  return path.join(path.dirname(located("hydra-sdk")), "..", file);
}

/**
 * @param {string} tool
 * @returns {Promise<any>}
 */
async function imported(tool) {
  return import(pathToFileURL(located(tool)).href);
}

/**
 * @param {string} file
 * @returns {string}
 */
function located(file) {
  try {
    return project.resolve(file);
  } catch {
    const [tool] = file.split("/");
    throw new Problem(`${tool} is not installed in this project: run npm ci`);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  console.error(`hydra-build: ${error.message}`);
  process.exitCode = 1;
}
