import { join } from "node:path";

import { chromium } from "playwright-core";

// A page that is looked at, and what was wrong with it.
export class Tab {
  static async open(browser, origin, folder, javaScriptEnabled = true) {
    const context = await browser.newContext({ javaScriptEnabled });
    const tab = new Tab();
    const page = await context.newPage();
    Object.assign(tab, { context, page, origin, folder, faults: [], status: 0 });
    page.on("request", (request) => {
      if (!request.url().startsWith(`${origin}/`)) tab.faults.push(`asks ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.request().isNavigationRequest()) tab.status = response.status();
      else if (response.status() >= 400) tab.faults.push(`${response.url()} is not there`);
    });
    page.on("pageerror", (error) => tab.faults.push(`throws ${error.message}`));
    page.on("console", (message) => {
      const { url } = message.location();
      // The browser logs the status of the page itself, which is checked by its number.
      const isStatus = url === tab.url && message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isStatus) tab.faults.push(`logs ${message.text()} ${url}`);
    });
    return tab;
  }

  async go(path, width, scheme) {
    this.url = this.origin + path;
    await this.page.setViewportSize({ width, height: 900 });
    await this.page.emulateMedia({ colorScheme: scheme });
    // Not until the network is idle: the stream of events never is.
    await this.page.goto(this.url, { waitUntil: "load" });
  }

  evaluate(expression) { return this.page.evaluate(expression); }

  async picture(name) {
    await this.page.screenshot({ path: join(this.folder, `${name}.png`), fullPage: true });
  }

  close() { return this.context.close(); }
}

// Runs `work` in a browser of its own and ends it.
export async function browse(work) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--hide-scrollbars"],
  });
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}
