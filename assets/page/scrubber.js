// A drawing as it came about: its pictures, a slider through its steps, and a button that plays them.
//
// Steps come from the server when they are looked at. While one is on its way, of those wanted meanwhile only the last
// is asked for, so that a slider that is dragged asks for few.

import { make, makeButton, tell } from "./elements.js";
import { ask } from "./server.js";
import { say } from "./words.js";

const FRAMES = 48;
const FRAME_MILLISECONDS = 90;

const pass = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export class Scrubber {
  /** For so many `images`; `positions` are the steps in tokens, from 0 to all, `address` where a step's sheet is. */
  constructor({ images, positions, address }) {
    Object.assign(this, { positions, address, isPlaying: false });
    this.last = positions.length - 1;
    this.tiles = Array.from({ length: images }, () => make("canvas", {}));
    this.columns = Math.ceil(Math.sqrt(images));
    this.stage = make("div", { class: "steps", role: "img", style: `--columns:${this.columns}` }, this.tiles);
    this.button = makeButton("", () => (this.isPlaying ? this.pause() : this.play()), { class: "action play" });
    this.slider = make("input", { type: "range", min: 0, max: this.last, "aria-label": say("think.slider") });
    this.slider.addEventListener("input", () => {
      this.pause();
      this.go(Number(this.slider.value));
    });
    this.told = make("output", { "aria-hidden": "true" });
    this.element = make("div", { class: "scrubber" }, this.stage, make("div", { class: "transport" }, this.button, this.slider, this.told));
    this.pause();
  }

  /** Show a step as soon as its pictures are there. */
  async go(index) {
    this.index = index;
    this.slider.value = index;
    this.describe();
    this.loading ??= this.catchUp().finally(() => (this.loading = null));
    try {
      await this.loading;
    } catch (error) {
      this.pause();
      tell(error.message, { wrong: true });
    }
  }

  /** Go through all steps, from the first one if the last is to be seen. */
  async play() {
    this.setPlaying(true);
    const stride = Math.max(1, Math.round(this.last / FRAMES));
    if (this.index === this.last) await this.go(0);
    while (this.isPlaying && this.index < this.last && this.element.isConnected) {
      await Promise.all([this.go(Math.min(this.last, this.index + stride)), pass(FRAME_MILLISECONDS)]);
    }
    this.pause();
  }

  pause() {
    this.setPlaying(false);
  }

  setPlaying(isPlaying) {
    this.isPlaying = isPlaying;
    this.button.textContent = isPlaying ? "❚❚" : "▶";
    const text = say(isPlaying ? "think.pause" : "think.play");
    this.button.setAttribute("aria-label", text);
    this.button.title = text;
  }

  describe() {
    const values = { done: this.positions[this.index], total: this.positions[this.last] };
    this.told.textContent = say("think.done", values);
    this.slider.setAttribute("aria-valuetext", say("think.done", values));
    this.stage.setAttribute("aria-label", say("think.stage", values));
  }

  async catchUp() {
    let shown;
    while (shown !== this.index) {
      shown = this.index;
      const sheet = await (await ask(this.address(this.positions[shown]))).blob();
      this.paint(await createImageBitmap(sheet));
    }
  }

  /** Cut a sheet into the tiles. */
  paint(sheet) {
    const width = sheet.width / this.columns;
    const height = sheet.height / Math.ceil(this.tiles.length / this.columns);
    this.tiles.forEach((tile, index) => {
      Object.assign(tile, { width, height });
      const [x, y] = [(index % this.columns) * width, Math.floor(index / this.columns) * height];
      tile.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
    });
    sheet.close();
  }
}
