// Goes ways through the pages in Chromium as people do and says what is wrong, a line each; nothing is the
// good answer.
//
//   node follow.mjs ORIGIN WAYS.json [PICTURES]
//
// WAYS.json lists { name, steps }, a step being one of { open: PATH }, { click: WORDS }, the first link or
// button that begins with them, { search: WORDS }, { see: WORDS } and { download: WORDS, bytes }, which
// fetches what such a link leads to and wants at least so many bytes.
import { readFileSync } from "node:fs";

import { browse, Tab } from "./chromium.mjs";

const [origin, list, folder] = process.argv.slice(2);
const ways = JSON.parse(readFileSync(list, "utf8"));

const text = JSON.stringify;

// The first link or button of the page that begins with these words.
function link(tab, words) {
  const begins = new RegExp(`^\\s*${words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
  return tab.page.locator("main a, main button").filter({ hasText: begins }).first();
}

// Waits until what `cause` leads to is loaded.
async function load(tab, cause) {
  await Promise.all([tab.page.waitForEvent("load"), cause()]);
}

async function click(tab, words) {
  const found = link(tab, words);
  if (await found.count() === 0) throw new Error(`has no link ${words}`);
  await load(tab, () => found.click());
}

async function search(tab, words) {
  const field = tab.page.locator("form[role=search] input").first();
  await field.fill(words);
  await load(tab, () => field.press("Enter"));
}

async function see(tab, words) {
  if (!(await tab.evaluate("document.body.innerText")).includes(words)) throw new Error(`no ${words}`);
}

async function download(tab, words, bytes) {
  const href = await link(tab, words).getAttribute("href");
  const answer = await tab.page.request.get(new URL(href, tab.page.url()).href);
  const found = answer.ok() ? (await answer.body()).length : -answer.status();
  if (found < bytes) throw new Error(`${words} leads to ${found} bytes`);
}

async function step(tab, one) {
  if (one.open) await tab.go(one.open, 1280, "light");
  else if (one.click) await click(tab, one.click);
  else if (one.search) await search(tab, one.search);
  else if (one.see) await see(tab, one.see);
  else if (one.download) await download(tab, one.download, one.bytes);
  else throw new Error(`no such step ${text(one)}`);
  if (tab.status >= 400) throw new Error(`answers ${tab.status}`);
  for (const fault of tab.faults.splice(0)) throw new Error(fault);
}

await browse(async (browser) => {
  for (const way of ways) {
    const tab = await Tab.open(browser, origin, folder);
    for (const one of way.steps) {
      try {
        await step(tab, one);
      } catch (error) {
        const at = await tab.evaluate("location.pathname");
        console.log(`${way.name}, ${text(one)} at ${at}: ${error.message}`);
        break;
      }
    }
    if (folder) await tab.picture(way.name.replace(/[^a-z0-9]+/gi, "_"));
    await tab.close();
  }
});
