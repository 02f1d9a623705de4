// Takes hold of a caption: dragged, or moved by the arrow keys, and put back by a double click or Home.

import { make } from "./elements.js";
import { say } from "./words.js";

const STEP = 0.02;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const limit = (value) => Math.min(1, Math.max(0, value));

export class Handle {
  /** On `stage`, for a caption that stands in `area()`, in fractions of the stage; `moved` is called afterwards. */
  constructor(stage, caption, label, { area, moved }) {
    Object.assign(this, { stage, caption, area, moved });
    this.home = { x: caption.x, y: caption.y };
    const text = say("meme.handle", { text: label });
    this.button = make("button", { type: "button", class: "handle", "aria-label": text, title: text }, "✥");
    this.button.addEventListener("pointerdown", (event) => this.grab(event));
    this.button.addEventListener("pointermove", (event) => this.drag(event));
    this.button.addEventListener("dblclick", () => this.move(this.home.x, this.home.y));
    this.button.addEventListener("keydown", (event) => this.press(event));
    stage.append(this.button);
  }

  /** Stand where the caption stands; only where there is something to move. */
  show() {
    const [left, top, width, height] = this.area();
    this.button.hidden = !this.caption.text.trim();
    this.button.style.left = `${100 * (left + this.caption.x * width)}%`;
    this.button.style.top = `${100 * (top + this.caption.y * height)}%`;
  }

  grab(event) {
    event.preventDefault();
    this.button.focus();
    this.button.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.button.hasPointerCapture(event.pointerId)) return;
    const box = this.stage.getBoundingClientRect();
    const [left, top, width, height] = this.area();
    const x = ((event.clientX - box.left) / box.width - left) / width;
    const y = ((event.clientY - box.top) / box.height - top) / height;
    this.move(x, y);
  }

  press(event) {
    if (event.key === "Home") this.move(this.home.x, this.home.y);
    else if (event.key in KEYS) {
      const [right, down] = KEYS[event.key];
      this.move(this.caption.x + right * STEP, this.caption.y + down * STEP);
    } else return;
    event.preventDefault();
  }

  move(x, y) {
    Object.assign(this.caption, { x: limit(x), y: limit(y) });
    this.show();
    this.moved();
  }
}
