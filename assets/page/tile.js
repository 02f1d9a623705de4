// One picture, large, with what can be done with it; arrow keys go to its neighbors.

import { openMore, openParts } from "./brush.js";
import { findDrawing, nameFile, promptOf, recipeOf } from "./drawing.js";
import { make, makeButton, makeDownload, openDialog, tell } from "./elements.js";
import { isFavorite, setFavoriteTile } from "./history.js";
import { openMeme } from "./meme.js";
import { canCopyPictures, copyPicture, fetchFile } from "./outward.js";
import { openShare } from "./share.js";
import { say } from "./words.js";

/** Open the picture with that index of the drawing that is to be seen. */
export function openTile(index) {
  const drawing = findDrawing();
  if (drawing?.tiles[index]) new LargeTile(drawing, index);
}

class LargeTile {
  constructor(drawing, index) {
    this.drawing = drawing;
    this.picture = make("img", { class: "preview" });
    this.facts = make("p", { class: "facts" });
    this.actions = make("div", { class: "actions" });
    const turn = (text, step, key) =>
      makeButton(text, () => this.show(this.index + step), { "aria-label": say(key), title: say(key) });
    this.dialog = openDialog(
      say("tile.title"),
      "tile-large",
      this.picture,
      make("div", { class: "turn" }, turn("←", -1, "tile.previous"), this.facts, turn("→", 1, "tile.next")),
      this.actions,
    );
    this.dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.show(this.index + step);
    });
    this.show(index);
  }

  show(index) {
    const { tiles } = this.drawing;
    const isTurning = this.index !== undefined;
    this.index = (index + tiles.length) % tiles.length;
    const { address, alt, label, seed, mark, reason } = tiles[this.index];
    const title = say("tile.number", { number: this.index + 1, count: tiles.length });
    this.dialog.querySelector("h2").textContent = title;
    Object.assign(this.picture, { src: `${address}.png`, alt });
    const facts = [label, say("tile.seed", { seed }), mark && say("why.mark", { mark }), reason];
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    // What had the focus is gone; the title stays.
    const isLosing = this.actions.contains(document.activeElement);
    this.actions.replaceChildren(...this.listActions(tiles[this.index]));
    if (isLosing) this.dialog.querySelector("h2").focus();
    if (isTurning) tell(title);
  }

  listActions(tile) {
    const { drawing } = this;
    const name = (kind) => nameFile(tile.prompt, `seed ${tile.seed}`, kind);
    const copy = async () => {
      const copied = await copyPicture(fetchFile(`${tile.address}.png`, name("png")));
      tell(say(copied ? "share.picture_copied" : "share.picture_kept"));
    };
    return [
      makeButton(say("result.share"), () => this.leave(() => openShare(tile.index)), { class: "action primary" }),
      makeButton(say("result.meme"), () => this.leave(() => openMeme([tile.index]))),
      ...(tile.reason ? [] : this.listBrushes(tile)),
      makeDownload(say("download.png"), `${tile.address}.png`, name("png")),
      makeDownload("WebP", `${tile.address}.webp`, name("webp")),
      ...(canCopyPictures ? [makeButton(say("share.copy_picture"), copy)] : []),
      ...(drawing.recipe ? [makeStar(drawing, tile)] : []),
    ];
  }

  /** What is drawn on a picture; not on one that is blurred. */
  listBrushes(tile) {
    const { address, alt, index } = tile;
    const prompt = promptOf(this.drawing, tile);
    const picture = { source: `${this.drawing.name}/${index}`, address: `${address}.png`, alt, prompt };
    return [
      makeButton(say("brush.more"), () => this.leave(() => openMore(picture))),
      makeButton(say("brush.parts"), () => this.leave(() => openParts(picture))),
    ];
  }

  /** Another dialog takes this one's place. */
  leave(open) {
    this.dialog.addEventListener("close", open);
    this.dialog.close();
  }
}

function makeStar(drawing, tile) {
  const star = makeButton(`★ ${say("tile.favorite")}`, like, { class: "action star" });
  const show = (liked) => star.setAttribute("aria-pressed", String(liked));
  show(isFavorite(recipeOf(drawing, tile)));
  return star;

  async function like() {
    const liked = star.getAttribute("aria-pressed") !== "true";
    await setFavoriteTile(drawing, tile, liked);
    show(liked);
  }
}
