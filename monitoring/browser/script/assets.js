// Scripts, styles, pictures and fonts: how long each took, and those that did not load.

import { measurement } from "./items.js";
import { add } from "./outbox.js";
import { observe } from "./vitals.js";

const MAX_ASSETS = 60;
const KINDS = new Set(["script", "css", "link", "img", "image", "font", "other"]);
const FILES = /\.(?:m?js|css|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf)$/i;
const TAGS = { SCRIPT: "src", IMG: "src", LINK: "href" };

export function watchAssets() {
  let left = MAX_ASSETS;
  const failed = new Set();
  const fail = (url) => {
    if (failed.has(url) || left-- <= 0) return;
    failed.add(url);
    add(measurement("asset_failed", 0, { d: url }));
  };
  observe("resource", (entries) => {
    for (const entry of entries) {
      const url = withoutQuery(entry.name);
      const isAsset = KINDS.has(entry.initiatorType) && (entry.initiatorType === "script" || FILES.test(url));
      // What failed before this script was there has no event any more.
      if (isAsset && entry.responseStatus >= 400) fail(url);
      else if (isAsset && left-- > 0) add(measurement("asset", entry.duration / 1000, { d: url }));
    }
  });
  // Failures to load do not bubble; they are caught on the way down.
  addEventListener(
    "error",
    ({ target }) => {
      const name = target && TAGS[target.tagName];
      if (name && target[name]) fail(withoutQuery(target[name]));
    },
    true,
  );
}

function withoutQuery(url) {
  return url.startsWith("data:") ? "data:" : url.split(/[?#]/)[0].slice(0, 250);
}
