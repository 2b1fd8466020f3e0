// A Chromium without a window, of one test's own, driven over the two pipes of its debugging protocol.
// Used by page.test.js. Never reaches anything but what the test opens: who answers a page is the test's to say.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";

// One process and no sandbox of its own: it runs where nobody may make one, and shows nothing but our page.
const FLAGS = ["--headless", "--no-sandbox", "--no-zygote", "--single-process", "--disable-gpu", "--remote-debugging-pipe"];

/** A running browser. */
export class Browser {
  #process;
  #profile;
  #listeners = new Map();
  #waiting = new Map();
  #asked = 0;
  #heard = "";

  static async start() {
    const browser = new Browser();
    browser.#profile = await mkdtemp(join(tmpdir(), "hydra-browser-"));
    const flags = [...FLAGS, `--user-data-dir=${browser.#profile}`, "about:blank"];
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"];
    browser.#process = spawn(await chromium.executablePath(), flags, { stdio });
    browser.#process.stdio[4].setEncoding("utf8").on("data", (text) => browser.#hear(text));
    browser.#process.on("exit", () => browser.#waiting.forEach(({ fail }) => fail(new Error("the browser is gone"))));
    return browser;
  }

  /** Opens a page. `answer(path, headers)` gives a status and JSON for what it asks of /v1 and the like; undefined: the host answers. */
  async open(url, answer = () => undefined) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page((method, params) => this.send(method, params, sessionId));
    this.#listeners.set(sessionId, (method, params) => page.hear(method, params, answer));
    await page.begin(url);
    return page;
  }

  send(method, params = {}, sessionId = undefined) {
    const id = (this.#asked += 1);
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async close() {
    const gone = new Promise((done) => this.#process.once("exit", done));
    this.#process.kill("SIGKILL");
    await gone;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 3 });
  }

  #hear(text) {
    const messages = (this.#heard + text).split("\0");
    this.#heard = messages.pop();
    for (const { id, result, error, method, params, sessionId } of messages.map((message) => JSON.parse(message))) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.fail(new Error(error.message));
      else if (waiting) waiting.done(result);
      else this.#listeners.get(sessionId)?.(method, params);
    }
  }
}

/** One tab. */
class Page {
  /** What it asked of the host: paths, and their headers. */
  asked = [];
  /** What the browser complains of. */
  complaints = [];
  #send;

  constructor(send) {
    this.#send = send;
  }

  async begin(url) {
    await this.#send("Log.enable");
    await this.#send("Runtime.enable");
    await this.#send("Fetch.enable", { patterns: [{ urlPattern: "*", requestStage: "Request" }] });
    await this.#send("Page.navigate", { url });
    await this.until(`document.readyState === "complete"`);
  }

  hear(method, params, answer) {
    if (method === "Fetch.requestPaused") this.#answer(params, answer);
    if (method === "Log.entryAdded" && params.entry.source !== "network") this.complaints.push(params.entry.text);
    if (method === "Runtime.exceptionThrown") this.complaints.push(params.exceptionDetails.exception.description);
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", params);
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  /** Waits until this holds in the page; the test has a limit of its own. */
  until(condition) {
    return this.value(`new Promise((done) => {
      const look = () => ((${condition}) ? done(true) : setTimeout(look, 10));
      look();
    })`);
  }

  /** Waits until people can read this. */
  shows(text) {
    return this.until(`document.body?.innerText.includes(${JSON.stringify(text)})`);
  }

  async #answer({ requestId, request }, answer) {
    const { pathname, search } = new URL(request.url);
    this.asked.push({ path: pathname + search, headers: request.headers });
    const told = answer(pathname + search, request.headers);
    if (told === undefined) return this.#send("Fetch.continueRequest", { requestId });
    const body = Buffer.from(JSON.stringify(told.json ?? {})).toString("base64");
    const responseHeaders = [{ name: "Content-Type", value: "application/json" }];
    return this.#send("Fetch.fulfillRequest", { requestId, responseCode: told.status, responseHeaders, body });
  }
}
