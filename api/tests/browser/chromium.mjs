import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

// Chromium's own protocol over a pipe: messages end with a zero byte.
class Browser {
  constructor(profile) {
    const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${profile}`];
    this.process = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.waiting = new Map();
    this.listeners = new Map();
    this.last = 0;
    let rest = Buffer.alloc(0);
    this.process.stdio[4].on("data", (some) => {
      rest = Buffer.concat([rest, some]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.receive(JSON.parse(rest.subarray(0, end).toString()));
        rest = rest.subarray(end + 1);
      }
    });
  }

  receive(message) {
    const caller = this.waiting.get(message.id);
    if (caller) {
      this.waiting.delete(message.id);
      if (message.error) caller.reject(new Error(JSON.stringify(message.error)));
      else caller.resolve(message.result);
    } else {
      this.listeners.get(message.sessionId)?.(message.method, message.params);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.last;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }
}

// A page that is looked at, and what was wrong with it.
export class Tab {
  static async open(browser, origin, folder) {
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab();
    Object.assign(tab, { browser, origin, folder, targetId, sessionId, faults: [], status: 0, loaded: () => {} });
    browser.listeners.set(sessionId, (method, params) => tab.hear(method, params));
    for (const part of ["Page", "Network", "Runtime", "Log"]) await tab.send(`${part}.enable`);
    return tab;
  }

  send(method, params) { return this.browser.send(method, params, this.sessionId); }

  hear(method, params) {
    if (method === "Page.loadEventFired") this.loaded();
    if (method === "Network.requestWillBeSent") {
      const { url } = params.request;
      if (!url.startsWith(`${this.origin}/`)) this.faults.push(`asks ${url}`);
    }
    if (method === "Network.responseReceived") {
      if (params.type === "Document") this.status = params.response.status;
      else if (params.response.status >= 400) this.faults.push(`${params.response.url} is not there`);
    }
    if (method === "Runtime.exceptionThrown") {
      this.faults.push(`throws ${params.exceptionDetails.exception?.description}`);
    }
    if (method === "Runtime.consoleAPICalled" && params.type === "error") this.faults.push("logs an error");
    // The browser logs the status of the page itself, which is checked by its number.
    if (method === "Log.entryAdded" && params.entry.level === "error" && params.entry.url !== this.url) {
      this.faults.push(`logs ${params.entry.text} ${params.entry.url}`);
    }
  }

  async go(path, width, scheme) {
    this.url = this.origin + path;
    await this.send("Emulation.setDeviceMetricsOverride",
      { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
    await this.send("Emulation.setEmulatedMedia",
      { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await this.load(() => this.send("Page.navigate", { url: this.url }));
  }

  // Waits until what `cause` leads to is loaded.
  async load(cause) {
    const loaded = new Promise((resolve) => { this.loaded = resolve; });
    await cause();
    await loaded;
  }

  async evaluate(expression) {
    const answer = await this.send("Runtime.evaluate",
      { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  }

  async picture(name) {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(join(this.folder, `${name}.png`), Buffer.from(data, "base64"));
  }

  close() { return this.browser.send("Target.closeTarget", { targetId: this.targetId }); }
}

// Runs `work` in a browser of its own, whose profile is in an empty folder, and ends it.
export async function browse(profile, work) {
  const browser = new Browser(profile);
  try {
    await work(browser);
  } finally {
    const ended = new Promise((resolve) => browser.process.once("exit", resolve));
    await browser.send("Browser.close");
    await ended;
  }
}
