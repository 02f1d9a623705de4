// The panel that says what this is; the server writes it, for the figures are the model's own.

import { make, openDialog, tell } from "./elements.js";
import { ask } from "./server.js";
import { say } from "./words.js";

export async function openAbout() {
  const text = make("div", { class: "about-text" });
  openDialog(say("about.title"), "about", text);
  try {
    text.innerHTML = await (await ask("about.html")).text();
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}
