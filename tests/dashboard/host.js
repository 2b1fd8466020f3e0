// A host of one test's own: the binary, on a folder and a port of its own. Used by page.test.js.
// Needs `cargo build --workspace --bins` and the samples, as `./just test` makes them.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = join(root, "target/debug/hydra");
const run = promisify(execFile);

/** Starts a host, with settings from the environment; resolves once it serves. */
export async function start(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "hydra-dashboard-"));
  const flags = ["host", "--http", "127.0.0.1:0", "--data", join(folder, "store"), "--durability", "os"];
  const stdio = ["ignore", "ignore", "pipe"];
  const host = spawn(binary, flags, { stdio, cwd: folder, env: { ...process.env, XDG_CACHE_HOME: folder, ...settings } });
  const gone = once(host, "exit");
  const url = await new Promise((done, fail) => {
    createInterface({ input: host.stderr }).on("line", (line) => {
      const address = line.match(/address=(\S+)/);
      if (address) done(`http://${address[1]}`);
    });
    host.once("error", fail);
    host.once("exit", (code) => fail(new Error(`the host ended with ${code}`)));
  });
  return {
    url,
    /** Runs a verb of the command line against it. */
    hydra: (...verb) => run(binary, verb, { cwd: root, env: { ...process.env, HYDRA_URL: url } }),
    async end() {
      host.kill();
      await gone;
      await rm(folder, { recursive: true });
    },
  };
}
