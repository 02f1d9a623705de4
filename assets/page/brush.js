// Draws on a picture: some of its squares are drawn anew, the others stay. The page hears of it by a `repaint` event.

import { make, makeButton, makeCheckbox, openDialog, tell } from "./elements.js";
import { TokenGrid } from "./token-grid.js";
import { say } from "./words.js";

const findSide = () => Number(document.querySelector("#underlay [data-side]").dataset.side);
const isDrawing = () => document.querySelector("#stop")?.checkVisibility();

/** More like a picture: its lower half is marked. */
export function openMore(picture, title = say("brush.more")) {
  open(title, picture, (grid) => grid.markRows(Math.round(grid.side / 2)));
}

/** Parts of a picture: nothing is marked yet. */
export function openParts(picture) {
  open(say("brush.parts"), picture, (grid) => grid.element.focus());
}

/** What is drawn on already, with the squares that are marked. */
export function openMarked(button) {
  const { source, repaint } = button.dataset;
  const address = button.closest(".underlay").querySelector("img").getAttribute("src");
  const prompt = document.querySelector("#prompt textarea").value;
  open(say("underlay.change"), { source, address, prompt, alt: "" }, (grid) => grid.mark((place) => repaint[place] === "1"));
}

/** A picture has a `source`, by which the server knows it, an `address`, a `prompt` and an `alt`. */
function open(title, picture, begin) {
  const side = findSide();
  if (side) new Brush(title, picture, side, begin);
  else tell(say("brush.no_model"), { wrong: true });
}

class Brush {
  constructor(title, { source, address, alt, prompt }, side, begin) {
    Object.assign(this, { source, side });
    this.grid = new TokenGrid(side, { changed: () => this.count() });
    this.rows = make("input", {
      type: "range",
      min: 0,
      max: side,
      oninput: () => this.grid.markRows(Number(this.rows.value)),
    });
    this.prompt = make("textarea", { rows: 2, dir: "auto" });
    this.prompt.value = prompt;
    this.dialog = openDialog(
      title,
      "brush",
      make(
        "div",
        { class: "bench" },
        make("div", { class: "stage" }, make("img", { class: "preview", src: address, alt }), this.grid.element),
        make(
          "div",
          { class: "tools" },
          make("label", { class: "field" }, say("brush.rows"), this.rows),
          this.listTools(),
          make("label", { class: "field" }, say("box.prompt"), this.prompt),
          makeButton(say("brush.go"), () => this.draw(), { class: "action primary" }),
          make("p", { class: "note" }, say("brush.note")),
        ),
      ),
    );
    begin(this.grid);
    this.count();
  }

  listTools() {
    const broad = makeCheckbox(say("brush.broad"), false, { onchange: (event) => (this.grid.isBroad = event.target.checked) });
    const act = (key, choose) => makeButton(say(key), () => this.grid.mark(choose));
    return make(
      "div",
      { class: "actions" },
      act("brush.all", () => true),
      act("brush.nothing", () => false),
      act("brush.turn", (_, marked) => !marked),
      broad,
    );
  }

  /** Say how much is marked. */
  count() {
    const { count, side } = this.grid;
    const rows = Math.round(count / side);
    this.rows.value = rows;
    this.rows.setAttribute("aria-valuetext", say("brush.rows_told", { rows, side }));
    tell(say("brush.count", { marked: count, count: side ** 2 }));
  }

  draw() {
    const prompt = this.prompt.value;
    if (isDrawing()) return tell(say("brush.busy"), { wrong: true });
    if (!prompt.trim()) return tell(say("brush.no_prompt"), { wrong: true });
    if (!this.grid.count) return tell(say("brush.none"), { wrong: true });
    document.dispatchEvent(new CustomEvent("repaint", { detail: { source: this.source, repaint: this.grid.text, prompt } }));
    this.dialog.close();
    document.querySelector("#status").scrollIntoView({ block: "center" });
  }
}
