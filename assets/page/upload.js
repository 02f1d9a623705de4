// Brings a picture to draw on.

import { openMore } from "./brush.js";
import { make, openDialog, tell } from "./elements.js";
import { say } from "./words.js";
import { makeZone, sendPicture, takePasted } from "./zone.js";

/** Open the panel, or bring `file` at once where there is one. */
export function openUpload(file) {
  const look = (chosen) => bring(chosen, dialog);
  const dialog = openDialog(say("upload.title"), "upload", make("p", { class: "note" }, say("upload.lead")), makeZone(look));
  takePasted(dialog, look);
  if (file) look(file);
}

async function bring(file, dialog) {
  tell(say("origin.looking", { name: file.name }));
  try {
    const { source } = await sendPicture("uploads", file);
    const prompt = document.querySelector("#prompt textarea").value;
    const picture = { source, address: `uploads/${source}.webp`, prompt, alt: say("upload.alt") };
    if (!dialog.open) return;
    dialog.addEventListener("close", () => openMore(picture, say("upload.title")));
    dialog.close();
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}
