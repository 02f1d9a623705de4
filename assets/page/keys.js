// Keys: 1 to 9 open a picture, S shares, R draws again; none while somebody types or a dialog is open.

import { openShare } from "./share.js";
import { openTile } from "./tile.js";

const isTyping = (element) => element.closest?.("input, textarea, select, [contenteditable], [role=slider]");
const find = (name) => document.querySelector(`#${name}`);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (/^[1-9]$/.test(key)) openTile(Number(key) - 1);
  else if (key === "s") openShare();
  else if (key === "r" && find("run")?.checkVisibility()) find("run").click();
  else return;
  event.preventDefault();
});

// While a drawing is under way, Enter would have it drawn once more.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Enter" && event.target.closest?.("#prompt") && find("stop")?.checkVisibility()) {
      event.stopPropagation();
      event.preventDefault();
    }
  },
  true,
);
