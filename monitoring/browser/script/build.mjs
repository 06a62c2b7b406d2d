// Bundles the browser script into one file: node build.mjs <node_modules> <output>.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [modules, output] = process.argv.slice(2).map((each) => path.resolve(each));
const { build } = createRequire(path.join(modules, "x.js"))("esbuild");
const vitals = JSON.parse(readFileSync(path.join(modules, "web-vitals", "package.json"), "utf8"));

await build({
  entryPoints: [path.join(import.meta.dirname, "main.js")],
  outfile: output,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  nodePaths: [modules],
  legalComments: "none",
  logLevel: "error",
  banner: {
    js:
      "/*! Postlaunch browser script, Apache-2.0. " +
      `Contains web-vitals ${vitals.version}, Apache-2.0, Copyright 2020 Google LLC. */`,
  },
});
