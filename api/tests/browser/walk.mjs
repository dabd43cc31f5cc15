// Walks pages in Chromium and says what is wrong with them, a line each; nothing is the good answer.
//
//   node walk.mjs ORIGIN PAGES.json [PICTURES]
//
// PAGES.json lists { path, status, live, texts }. Each page is loaded wide and light, narrow and dark,
// and without scripts. PICTURES is a folder that pictures are left in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { browse, Tab } from "./chromium.mjs";

const [origin, list, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = JSON.parse(readFileSync(list, "utf8"));

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
  const tab = await Tab.open(browser, origin, folder);
  const faults = [...await look(tab, page, 1280, "light"), ...await look(tab, page, 390, "dark")];
  await tab.close();
  const plain = await Tab.open(browser, origin, folder, false);
  await plain.go(page.path, 1280, "light");
  const html = await plain.page.content();
  for (const text of page.texts) {
    if (!html.includes(text)) faults.push(`${page.path} without scripts: no ${text}`);
  }
  await plain.close();
  return faults;
}

await browse(async (browser) => {
  for (const page of pages) {
    for (const fault of await walk(browser, page)) console.log(fault);
  }
});
