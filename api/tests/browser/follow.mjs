// Goes ways through the pages in Chromium as people do and says what is wrong, a line each; nothing is the
// good answer.
//
//   node follow.mjs ORIGIN WAYS.json PROFILE [PICTURES]
//
// WAYS.json lists { name, steps }, a step being one of { open: PATH }, { click: WORDS }, the first link or
// button that begins with them, { search: WORDS }, { see: WORDS } and { download: WORDS, bytes }, which
// fetches what such a link leads to and wants at least so many bytes.
import { readFileSync } from "node:fs";

import { browse, Tab } from "./chromium.mjs";

const [origin, list, profile, folder] = process.argv.slice(2);
const ways = JSON.parse(readFileSync(list, "utf8"));

const text = JSON.stringify;
const link = (words) => `[...document.querySelectorAll("main a, main button")]
  .find((one) => one.textContent.trim().startsWith(${text(words)}))`;

async function click(tab, words) {
  if (!await tab.evaluate(`Boolean(${link(words)})`)) throw new Error(`has no link ${words}`);
  await tab.load(() => tab.evaluate(`${link(words)}.click()`));
}

async function search(tab, words) {
  await tab.evaluate(`document.querySelector("form[role=search] input").focus()`);
  await tab.send("Input.insertText", { text: words });
  const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
  await tab.load(async () => {
    await tab.send("Input.dispatchKeyEvent", { type: "keyDown", ...key });
    await tab.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  });
}

async function see(tab, words) {
  if (!(await tab.evaluate("document.body.innerText")).includes(words)) throw new Error(`no ${words}`);
}

async function download(tab, words, bytes) {
  const found = await tab.evaluate(`fetch(${link(words)}.href).then(async (answer) =>
    answer.ok ? (await answer.arrayBuffer()).byteLength : -answer.status)`);
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

await browse(profile, async (browser) => {
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
