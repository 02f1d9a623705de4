// Where a visitor drops, pastes or chooses a picture file, and how it is sent.

import { make } from "./elements.js";
import { ask } from "./server.js";
import { say } from "./words.js";

const MOST_MEGABYTES = 16;

/** The zone; `look` is called with a file. */
export function makeZone(look) {
  const input = make("input", {
    type: "file",
    accept: "image/png,image/jpeg,image/webp,image/gif",
    onchange: (event) => event.target.files[0] && look(event.target.files[0]),
  });
  return make("label", { class: "zone" }, make("span", {}, say("origin.drop")), input);
}

/** Let a dialog take pictures that are pasted into it. */
export function takePasted(dialog, look) {
  dialog.addEventListener("paste", (event) => event.clipboardData.files[0] && look(event.clipboardData.files[0]));
}

/** Send a file; the answer's values. Throws where it is too large or refused. */
export async function sendPicture(address, file) {
  if (file.size > MOST_MEGABYTES * 2 ** 20) throw new Error(say("origin.too_large", { most: MOST_MEGABYTES }));
  const headers = { "Content-Type": "application/octet-stream" };
  return (await ask(address, { method: "POST", headers, body: file })).json();
}
