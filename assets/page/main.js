// Begins everything that the page does by itself, beside what Gradio does.

import "./keys.js";
import { openAbout } from "./about.js";
import { openMarked } from "./brush.js";
import "./direction.js";
import { openHistory } from "./history-panel.js";
import "./install.js";
import "./menus.js";
import "./notices.js";
import { openMeme } from "./meme.js";
import { openOrigin } from "./origin.js";
import "./reveal.js";
import { openShare } from "./share.js";
import "./styles.js";
import { openThink } from "./think.js";
import { openTile } from "./tile.js";
import { openTour } from "./tour.js";
import { openUpload } from "./upload.js";

const ACTS = { share: () => openShare(), meme: () => openMeme(), think: openThink, repaint: openMarked };
const PANELS = {
  about: openAbout,
  tour: openTour,
  origin: () => openOrigin(),
  history: openHistory,
  upload: () => openUpload(),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("#grid .open")) openTile(Number(button.closest(".tile").dataset.index));
  else (ACTS[button?.dataset.act] ?? PANELS[button?.dataset.panel])?.(button);
});

// From now on buttons do something.
document.documentElement.dataset.ready = "";
