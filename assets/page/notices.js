// Tells a visitor who looks elsewhere that pictures are ready: in the tab's title and, if asked to, by a notification.

import { watchDrawings } from "./drawing.js";
import * as keeping from "./keeping.js";
import { say } from "./words.js";

const TITLE = document.title;
const isWanted = () => keeping.read("notify")[0] === true && window.Notification?.permission === "granted";

watchDrawings(({ prompt }) => {
  if (!document.hidden) return;
  document.title = say("notice.title");
  if (isWanted()) new Notification(say("notice.title"), { body: prompt, icon: "favicon.ico" });
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.title = TITLE;
});

document.addEventListener("change", async ({ target }) => {
  if (!target.matches?.("[data-notify]")) return;
  const granted = target.checked && (await window.Notification?.requestPermission()) === "granted";
  if (target.checked && !granted) target.checked = false;
  keeping.write("notify", [granted]);
});

// The settings are there, folded up, or come when they are unfolded.
new MutationObserver(() => {
  const box = document.querySelector("[data-notify]:not([data-known])");
  if (!box) return;
  box.dataset.known = "";
  box.checked = isWanted();
}).observe(document.body, { subtree: true, childList: true });
