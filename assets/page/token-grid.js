// The squares of a picture, to be marked: by tapping and dragging, or by arrow keys and the space bar.

import { make } from "./elements.js";
import { say } from "./words.js";

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
let grids = 0;

export class TokenGrid {
  /** `side` squares a row; `changed` is called whenever others are marked. */
  constructor(side, { changed }) {
    Object.assign(this, { side, changed, active: 0, isBroad: false });
    const name = `tokens-${grids++}`;
    this.cells = Array.from({ length: side ** 2 }, (_, place) => {
      const where = say("brush.cell", { row: Math.floor(place / side) + 1, column: (place % side) + 1 });
      return make("div", { role: "gridcell", id: `${name}-${place}`, "aria-label": where, "aria-selected": "false" });
    });
    const rows = Array.from({ length: side }, (_, row) =>
      make("div", { role: "row" }, this.cells.slice(row * side, (row + 1) * side)),
    );
    this.element = make(
      "div",
      {
        class: "tokens",
        role: "grid",
        tabindex: 0,
        style: `--side:${side}`,
        "aria-label": say("brush.grid"),
        "aria-multiselectable": "true",
        onpointerdown: (event) => this.press(event),
        onpointermove: (event) => this.drag(event),
        onkeydown: (event) => this.type(event),
        // What screen readers do in place of a tap; browsers tell taps as pointers.
        onclick: (event) => event.detail === 0 && this.cells.includes(event.target) && this.toggle(this.cells.indexOf(event.target)),
      },
      rows,
    );
    this.go(0);
  }

  get count() {
    return this.cells.filter(isMarked).length;
  }

  /** A digit for each square, row by row: 1 where it is marked. */
  get text() {
    return this.cells.map((cell) => (isMarked(cell) ? "1" : "0")).join("");
  }

  /** Mark the squares for which `choose` of their place, and of whether they are marked, is true; no others. */
  mark(choose) {
    this.cells.forEach((cell, place) => setMarked(cell, choose(place, isMarked(cell))));
    this.changed();
  }

  /** Mark the lowest rows. */
  markRows(rows) {
    this.mark((place) => place >= (this.side - rows) * this.side);
  }

  press(event) {
    const place = event.button === 0 ? this.find(event) : null;
    if (place === null) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.isMarking = !isMarked(this.cells[place]);
    this.paint(place, this.isMarking);
  }

  drag(event) {
    if (!this.element.hasPointerCapture(event.pointerId)) return;
    // A quick finger skips squares.
    for (const place of event.getCoalescedEvents().concat(event).map((each) => this.find(each))) {
      if (place !== null && place !== this.active) this.paint(place, this.isMarking);
    }
  }

  /** The square under a pointer; null beside the grid. */
  find({ clientX, clientY }) {
    const box = this.element.getBoundingClientRect();
    const column = Math.floor(((clientX - box.left) / box.width) * this.side);
    const row = Math.floor(((clientY - box.top) / box.height) * this.side);
    const isInside = [row, column].every((at) => at >= 0 && at < this.side);
    return isInside ? row * this.side + column : null;
  }

  type(event) {
    const [down, right] = STEPS[event.key] ?? [0, 0];
    const [row, column] = [Math.floor(this.active / this.side) + down, (this.active % this.side) + right];
    if (event.key === " " || event.key === "Enter") this.toggle(this.active);
    else if (!(event.key in STEPS)) return;
    else if (row in this.cells && row < this.side && column >= 0 && column < this.side) this.go(row * this.side + column);
    event.preventDefault();
    event.stopPropagation();
  }

  toggle(place) {
    this.paint(place, !isMarked(this.cells[place]));
  }

  /** Mark a square or take its mark away; a broad brush takes its neighbors along. */
  paint(place, marked) {
    this.go(place);
    const [row, column, reach] = [Math.floor(place / this.side), place % this.side, this.isBroad ? 1 : 0];
    this.cells.forEach((cell, other) => {
      const isNear =
        Math.abs(Math.floor(other / this.side) - row) <= reach && Math.abs((other % this.side) - column) <= reach;
      if (isNear) setMarked(cell, marked);
    });
    this.changed();
  }

  /** Let the keys go on from there. */
  go(place) {
    this.cells[this.active].classList.remove("active");
    this.active = place;
    this.cells[place].classList.add("active");
    this.element.setAttribute("aria-activedescendant", this.cells[place].id);
  }
}

const isMarked = (cell) => cell.getAttribute("aria-selected") === "true";
const setMarked = (cell, marked) => cell.setAttribute("aria-selected", String(marked));
