// Was this made here? A picture is dropped, pasted or chosen, and the server looks for its mark and its recipe.

import { make, openDialog, tell } from "./elements.js";
import { ask } from "./server.js";
import { say } from "./words.js";

const MOST_MEGABYTES = 16;

/** Open the panel, and look at `file` at once where there is one. */
export function openOrigin(file) {
  const verdict = make("div", { class: "verdict" });
  const look = (chosen) => chosen && trace(chosen, verdict);
  const input = make("input", {
    type: "file",
    accept: "image/png,image/jpeg,image/webp,image/gif",
    onchange: (event) => look(event.target.files[0]),
  });
  const zone = make("label", { class: "zone" }, make("span", {}, say("origin.drop")), input);
  const dialog = openDialog(say("origin.title"), "origin", make("p", { class: "note" }, say("origin.lead")), zone, verdict);
  dialog.addEventListener("paste", (event) => look(event.clipboardData.files[0]));
  look(file);
}

async function trace(file, verdict) {
  verdict.replaceChildren();
  if (file.size > MOST_MEGABYTES * 2 ** 20) {
    return tell(say("origin.too_large", { most: MOST_MEGABYTES }), { wrong: true });
  }
  tell(say("origin.looking", { name: file.name }));
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    const found = await (await ask("origin", { method: "POST", headers, body: file })).json();
    verdict.replaceChildren(...describe(found));
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
