#!/usr/bin/env node
// Lets forge use the compiler of npm's `solc` package: answers `--version` as the native binary
// does, and otherwise turns standard JSON on stdin into standard JSON on stdout. forge hands over
// every source with its content, so an import that is not among them is an error, never a read.
"use strict";
const fs = require("fs");
const solc = require("solc");

function writeAll(text) {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // A full pipe: the reader is slower, try again.
    }
  }
}

if (process.argv.includes("--version")) {
  const version = solc.version().replace(".Emscripten.clang", ".Linux.g++");
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else {
  const missing = (path) => ({ error: `${path} is not among the given sources` });
  writeAll(solc.compile(fs.readFileSync(0, "utf8"), { import: missing }));
}
