// Watch it think: the finished drawing once more, square by square, and as an animation to keep.

import { findDrawing, nameFile } from "./drawing.js";
import { make, makeButton, openDialog, tell } from "./elements.js";
import { saveFile } from "./outward.js";
import { Scrubber } from "./scrubber.js";
import { say } from "./words.js";

const KINDS = { webp: "think.webp", gif: "think.gif" };
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** For the drawing that is to be seen; it plays at once, unless somebody wants less motion. */
export function openThink() {
  const drawing = findDrawing();
  if (!drawing) return;
  const scrubber = new Scrubber({
    images: drawing.tiles.length,
    positions: Array.from({ length: drawing.tokens + 1 }, (_, position) => position),
    address: (position) => `${drawing.folder}/steps/${position}.webp`,
  });
  const lead = make("p", { class: "note" }, say("think.lead"));
  const saves = Object.entries(KINDS).map(([kind, key]) => makeButton(say(key), () => saveReplay(drawing, kind)));
  const dialog = openDialog(say("result.think"), "think", lead, scrubber.element, make("div", { class: "actions" }, saves));
  dialog.addEventListener("close", () => scrubber.pause());
  scrubber.go(isCalm() ? scrubber.last : 0);
  if (!isCalm()) scrubber.play();
}

async function saveReplay(drawing, kind) {
  tell(say("think.making"));
  try {
    await saveFile(`${drawing.folder}/replay.${kind}`, nameFile(drawing.prompt, `replay seed ${drawing.seed}`, kind));
    tell(say("think.saved"));
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}
