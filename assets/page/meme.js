// The meme maker. The server draws what is shown, and what is shown is the file.

import { findDrawing, nameFile } from "./drawing.js";
import { make, makeButton, openDialog, tell } from "./elements.js";
import { Handle } from "./handle.js";
import { canCopyPictures, copyPicture, fitSheet, openSheet } from "./outward.js";
import { send } from "./server.js";
import { say } from "./words.js";

const PANELS = [1, 2, 4, 9];
const MOST_TEXTS = 6;
const SECONDS_BETWEEN = 0.25;
const PLACES = [
  { x: 0.5, y: 0.035, anchor: 0 },
  { x: 0.5, y: 0.965, anchor: 1 },
  { x: 0.5, y: 0.5, anchor: 0.5 },
];

/** Open the meme maker with those pictures of the drawing that is to be seen; with all of them, unless told. */
export function openMeme(chosen) {
  const drawing = findDrawing();
  if (drawing) new Meme(drawing, chosen ?? fitPanels(drawing.tiles.map((tile) => tile.index)));
}

/** As many of the pictures as there is a sheet for. */
function fitPanels(indices) {
  return indices.slice(0, PANELS.findLast((count) => count <= indices.length));
}

class Meme {
  constructor(drawing, chosen) {
    this.drawing = drawing;
    this.chosen = chosen;
    this.captions = [];
    // Until the server has drawn the first one.
    const first = chosen.length === 1 ? drawing.tiles[chosen[0]].address : `${drawing.folder}/grid`;
    this.picture = make("img", { class: "preview", src: `${first}.webp`, alt: "" });
    this.stage = make("div", { class: "stage" }, this.picture);
    this.texts = make("div", { class: "texts" });
    this.add = makeButton(say("meme.add"), () => this.addCaption({ ...PLACES[2] }).focus());
    this.actions = make("div", { class: "actions" });
    const dialog = openDialog(
      say("meme.title"),
      "meme",
      make("div", { class: "bench" }, this.stage, make("div", { class: "tools" }, this.texts, this.add, this.listPictures())),
      this.actions,
    );
    dialog.addEventListener("close", () => this.forget());
    PLACES.slice(0, 2).forEach((place) => this.addCaption({ ...place }));
    this.texts.querySelector("textarea").focus();
    this.drawSoon(0);
  }

  /** A caption with its field and its handle on the picture; the field. */
  addCaption(caption) {
    Object.assign(caption, { text: "", panel: null });
    const number = this.captions.push(caption);
    const label = say(["meme.top", "meme.bottom"][number - 1] ?? "meme.text", { number });
    const text = make("textarea", { rows: 1, maxlength: 500, dir: "auto", placeholder: label, "aria-label": label });
    const where = make("select", { "aria-label": say("meme.where", { text: label }) });
    text.addEventListener("input", () => {
      caption.text = text.value;
      caption.handle.show();
      this.drawSoon();
    });
    where.addEventListener("change", () => {
      caption.panel = where.value === "" ? null : Number(where.value);
      caption.handle.show();
      this.drawSoon();
    });
    caption.where = where;
    caption.handle = new Handle(this.stage, caption, label, {
      area: () => this.areaOf(caption.panel),
      moved: () => this.drawSoon(),
    });
    this.texts.append(make("div", { class: "caption" }, text, where));
    this.add.hidden = number >= MOST_TEXTS;
    this.listPanels(caption);
    return text;
  }

  /** Left, top, width and height of a panel, or of the whole, as fractions of the meme. */
  areaOf(panel) {
    if (panel === null) return [0, 0, 1, 1];
    const columns = Math.ceil(Math.sqrt(this.chosen.length));
    const rows = Math.ceil(this.chosen.length / columns);
    return [(panel % columns) / columns, Math.floor(panel / columns) / rows, 1 / columns, 1 / rows];
  }

  /** Buttons to choose pictures by, which stand in the meme in the order of choosing. */
  listPictures() {
    const buttons = this.drawing.tiles.map((tile) => {
      const picture = make("img", { src: `${tile.address}.webp`, alt: tile.alt });
      const pressed = String(this.chosen.includes(tile.index));
      const button = make("button", { type: "button", class: "pick", "aria-pressed": pressed }, picture);
      button.addEventListener("click", () => {
        const others = this.chosen.filter((index) => index !== tile.index);
        this.chosen = others.length < this.chosen.length ? others : [...this.chosen, tile.index];
        button.setAttribute("aria-pressed", String(this.chosen.includes(tile.index)));
        this.captions.forEach((caption) => this.listPanels(caption));
        this.drawSoon();
      });
      return button;
    });
    return make("fieldset", { class: "picks" }, make("legend", {}, say("meme.pictures")), buttons);
  }

  /** What a caption may stand on. */
  listPanels(caption) {
    if (caption.panel !== null && caption.panel >= this.chosen.length) caption.panel = null;
    const panels = this.chosen.map((_, panel) => make("option", { value: panel }, say("meme.on", { number: panel + 1 })));
    caption.where.replaceChildren(make("option", { value: "" }, say("meme.on_all")), ...panels);
    caption.where.value = caption.panel ?? "";
    caption.where.hidden = this.chosen.length < 2;
    caption.handle.show();
  }

  drawSoon(seconds = SECONDS_BETWEEN) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), seconds * 1000);
  }

  async draw() {
    if (!PANELS.includes(this.chosen.length)) return tell(say("meme.count"), { wrong: true });
    const captions = this.captions.map(({ text, x, y, anchor, panel }) => ({ text, x, y, anchor, panel }));
    const asked = (this.asked = Symbol());
    try {
      const answer = await send(`${this.drawing.folder}/meme`, { pictures: this.chosen, captions });
      const file = await answer.blob();
      if (asked === this.asked) this.show(file, JSON.parse(decodeURIComponent(answer.headers.get("Lettering"))));
    } catch (error) {
      if (asked === this.asked) tell(error.message, { wrong: true });
    }
  }

  show(content, { missing, cut }) {
    this.forget();
    const said = this.captions.map((caption) => caption.text.trim()).filter(Boolean);
    const name = nameFile(said.join(" ") || this.drawing.prompt, "meme");
    const file = new File([content], name, { type: content.type });
    this.address = URL.createObjectURL(file);
    this.picture.src = this.address;
    this.picture.alt = [say("meme.alt"), ...said].join(" ");
    const sheet = fitSheet({ file });
    const copy = async () => tell(say((await copyPicture(file)) ? "share.picture_copied" : "share.picture_kept"));
    this.actions.replaceChildren(
      ...[
        sheet && makeButton(say("result.share"), () => openSheet(sheet), { class: "action primary" }),
        make("a", { class: `action${sheet ? "" : " primary"}`, href: this.address, download: name }, say("download")),
        canCopyPictures && makeButton(say("share.copy_picture"), copy),
      ].filter(Boolean),
    );
    const lost = [missing && say("meme.missing", { characters: missing }), cut && say("meme.cut")].filter(Boolean);
    tell(lost.join(" "), { wrong: lost.length > 0 });
  }

  /** Let go of the picture that was shown. */
  forget() {
    clearTimeout(this.timer);
    if (this.address) URL.revokeObjectURL(this.address);
  }
}
