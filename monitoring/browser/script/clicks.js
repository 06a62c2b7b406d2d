// Clicks, and clicks in anger: the same spot three times within a second and a half.

import { describeElement } from "./items.js";
import { add } from "./outbox.js";
import { address } from "./place.js";

const RAGE_CLICKS = 3;
const RAGE_MS = 1_500;
const RAGE_PIXELS = 30;
const WANTED = "a,button,input,select,textarea,label,summary,[role=button],[role=link],[role=tab],[role=menuitem],[onclick]";

export function watchClicks() {
  let recent = [];
  addEventListener(
    "click",
    (event) => {
      const now = Date.now();
      const found = event.target?.closest?.(WANTED) || event.target;
      const target = describeElement(found);
      add({ t: "event", k: "click", target, url: address(), at: now });
      const near = (one) =>
        now - one.at < RAGE_MS && Math.hypot(one.x - event.clientX, one.y - event.clientY) < RAGE_PIXELS;
      recent = recent.filter(near);
      recent.push({ at: now, x: event.clientX, y: event.clientY });
      if (recent.length === RAGE_CLICKS) add({ t: "event", k: "rage_click", target, url: address(), at: now });
    },
    { capture: true, passive: true },
  );
}
