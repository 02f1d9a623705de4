// Was this made here? A picture is dropped, pasted or chosen, and the server looks for its mark and its recipe.

import { make, makeButton, openDialog, tell } from "./elements.js";
import { openUpload } from "./upload.js";
import { say } from "./words.js";
import { makeZone, sendPicture, takePasted } from "./zone.js";

/** Open the panel, and look at `file` at once where there is one. */
export function openOrigin(file) {
  const verdict = make("div", { class: "verdict" });
  const look = (chosen) => trace(chosen, verdict);
  const lead = make("p", { class: "note" }, say("origin.lead"));
  const dialog = openDialog(say("origin.title"), "origin", lead, makeZone(look), verdict);
  takePasted(dialog, look);
  if (file) look(file);
}

async function trace(file, verdict) {
  verdict.replaceChildren();
  tell(say("origin.looking", { name: file.name }));
  try {
    const found = await sendPicture("origin", file);
    verdict.replaceChildren(...describe(found), makeButton(say("upload.use"), () => drawOn(file)));
    tell(say(found.made_here ? "origin.yes" : "origin.no"));
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}

function describe({ made_here, prompt, model, seed, query }) {
  const why = make("p", {}, say(made_here ? "origin.yes_why" : "origin.no_why"));
  if (prompt === null) return [why, make("p", { class: "note" }, say("origin.no_recipe"))];
  const told = make("p", { dir: "auto" }, say("origin.recipe", { prompt, model, seed }));
  const use = query && make("a", { class: "action", href: `?${query}` }, say("origin.use"));
  return [why, told, use || "", make("p", { class: "note" }, say("origin.claim"))];
}

function drawOn(file) {
  document.querySelector("dialog.ours[open]").close();
  openUpload(file);
}

// A picture may be dropped anywhere.
const holdsFile = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("dragover", (event) => holdsFile(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!holdsFile(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  document.querySelector("dialog.ours[open]")?.close();
  openOrigin(file);
});
