// Walks pages in Chromium and says what is wrong with them, a line each; nothing is the good answer.
//
//   node walk.mjs ORIGIN PAGES.json PROFILE [PICTURES]
//
// PAGES.json lists { path, status, live, texts }. Each page is loaded wide and light, narrow and dark,
// and without scripts. PROFILE is an empty folder for the browser, PICTURES one that pictures are left in.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [origin, list, profile, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = JSON.parse(readFileSync(list, "utf8"));

// Chromium's own protocol over a pipe: messages end with a zero byte.
class Browser {
  constructor(program, profile) {
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

class Tab {
  static async open(browser) {
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab();
    Object.assign(tab, { browser, targetId, sessionId, faults: [], status: 0, loaded: () => {} });
    browser.listeners.set(sessionId, (method, params) => tab.hear(method, params));
    for (const part of ["Page", "Network", "Runtime", "Log"]) await tab.send(`${part}.enable`);
    return tab;
  }

  send(method, params) { return this.browser.send(method, params, this.sessionId); }

  hear(method, params) {
    if (method === "Page.loadEventFired") this.loaded();
    if (method === "Network.requestWillBeSent") {
      const { url } = params.request;
      if (!url.startsWith(`${origin}/`)) this.faults.push(`asks ${url}`);
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
    this.url = origin + path;
    await this.send("Emulation.setDeviceMetricsOverride",
      { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
    await this.send("Emulation.setEmulatedMedia",
      { features: [{ name: "prefers-color-scheme", value: scheme }] });
    const loaded = new Promise((resolve) => { this.loaded = resolve; });
    await this.send("Page.navigate", { url: this.url });
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
    writeFileSync(join(folder, `${name}.png`), Buffer.from(data, "base64"));
  }

  close() { return this.browser.send("Target.closeTarget", { targetId: this.targetId }); }
}

const rules = `axe.run({ resultTypes: ["violations"] }).then((found) => found.violations
  .filter((rule) => ["serious", "critical"].includes(rule.impact))
  .map((rule) => rule.id + ": " + rule.nodes.slice(0, 3).map((node) =>
    node.html.slice(0, 120) + " (" + node.any.map((check) => check.message).join("; ") + ")").join(" | ")))`;

// Until the page has heard from the stream of events.
const live = `new Promise((resolve) => {
  const until = Date.now() + 8000;
  const look = () => {
    const text = document.getElementById("live-state").textContent;
    if (text === "Live." || Date.now() > until) resolve(text); else setTimeout(look, 30);
  };
  look();
})`;

async function look(tab, page, width, scheme) {
  await tab.go(page.path, width, scheme);
  if (tab.status !== page.status) tab.faults.push(`answers ${tab.status}`);
  if (page.live && await tab.evaluate(live) !== "Live.") tab.faults.push("does not follow the events");
  await tab.evaluate(axe);
  tab.faults.push(...await tab.evaluate(rules));
  const over = await tab.evaluate("document.documentElement.scrollWidth - window.innerWidth");
  if (over > 0) tab.faults.push(`scrolls sideways by ${over}`);
  if (folder) {
    const name = page.path.replace(/[^a-z0-9]+/gi, "_") + (page.status === 200 ? "" : `_${page.status}`);
    await tab.picture(`${name}${width}`);
  }
  return tab.faults.splice(0).map((fault) => `${page.path} at ${width}, ${scheme}: ${fault}`);
}

async function walk(browser, page) {
  const tab = await Tab.open(browser);
  const faults = [...await look(tab, page, 1280, "light"), ...await look(tab, page, 390, "dark")];
  await tab.send("Emulation.setScriptExecutionDisabled", { value: true });
  await tab.go(page.path, 1280, "light");
  const { root } = await tab.send("DOM.getDocument", { depth: 0 });
  const { outerHTML } = await tab.send("DOM.getOuterHTML", { nodeId: root.nodeId });
  for (const text of page.texts) {
    if (!outerHTML.includes(text)) faults.push(`${page.path} without scripts: no ${text}`);
  }
  await tab.close();
  return faults;
}

const browser = new Browser(process.env.CHROMIUM ?? "/usr/bin/chromium", profile);
try {
  for (const page of pages) {
    for (const fault of await walk(browser, page)) console.log(fault);
  }
} finally {
  const ended = new Promise((resolve) => browser.process.once("exit", resolve));
  await browser.send("Browser.close");
  await ended;
}
