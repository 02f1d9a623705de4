// How does it actually work? A tour in four steps, told with the drawing that is to be seen, or with the first example.

import { findDrawing } from "./drawing.js";
import { make, makeButton, openDialog, tell } from "./elements.js";
import { Scrubber } from "./scrubber.js";
import { ask } from "./server.js";
import { say } from "./words.js";

const EXAMPLE = "examples/tour";
const STEPS = [tellWords, tellSquares, tellMarks, tellNine];

export async function openTour() {
  const drawing = findDrawing();
  const dialog = openDialog(say("tour.title"), "tour", make("p", { class: "note" }, say(drawing ? "tour.own" : "tour.example")));
  try {
    const story = await (await ask(`${drawing ? drawing.folder : EXAMPLE}/story.json`)).json();
    if (dialog.isConnected) new Tour(dialog, story);
  } catch (error) {
    tell(error.message, { wrong: true });
  }
}

class Tour {
  constructor(dialog, story) {
    Object.assign(this, { dialog, story });
    this.text = make("div", { class: "tour-step" });
    this.back = makeButton(say("tour.back"), () => this.go(this.number - 1));
    this.next = makeButton("", () => this.go(this.number + 1), { class: "action primary" });
    dialog.querySelector(".told").before(this.text, make("div", { class: "turn" }, this.back, this.next));
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.target.matches("input")) this.go(Math.min(Math.max(0, this.number + step), STEPS.length - 1));
    });
    this.go(0);
    this.next.focus();
  }

  /** Tell a step; behind the last one the tour is over. The focus stays on the buttons, the title is read out. */
  go(number) {
    if (number === STEPS.length) return this.dialog.close();
    if (number === this.number) return;
    this.number = number;
    const { title, parts } = STEPS[number](this.story);
    this.text.replaceChildren(make("h3", {}, title), ...parts);
    this.dialog.scrollTop = 0;
    if (!number && document.activeElement === this.back) this.next.focus();
    this.back.disabled = !number;
    this.next.textContent = say(number === STEPS.length - 1 ? "tour.close" : "tour.next");
    tell(say("tour.step", { number: number + 1, count: STEPS.length, title }));
  }
}

const paragraph = (text) => make("p", {}, text);
const limits = (text) => make("p", { class: "note" }, text);

function tellWords({ prompt, model, read, cut, pieces }) {
  const items = pieces.map(({ text, id }, index) => {
    // Those without a text come first and last of a prompt.
    const name = text || say(pieces[index - 1]?.text ? "tour.words.end" : "tour.words.begin");
    return make("li", { class: text ? "" : "edge" }, make("b", { dir: "auto" }, name), make("span", {}, String(id)));
  });
  return {
    title: say("tour.words.title"),
    parts: [
      make("blockquote", { dir: "auto" }, prompt),
      paragraph(say("tour.words.text", { model })),
      make("ol", { class: "pieces", "aria-label": say("tour.words.list") }, items),
      read && paragraph(say("tour.words.read", { text: read })),
      cut && paragraph(say("tour.words.cut", { text: cut })),
      limits(say("tour.words.limits")),
    ].filter(Boolean),
  };
}

function tellSquares({ images, positions, steps }) {
  const scrubber = new Scrubber({ images, positions, address: (position) => steps.replace("{position}", position) });
  scrubber.go(Math.floor(scrubber.last / 2));
  const total = positions[scrubber.last];
  return {
    title: say("tour.squares.title"),
    parts: [paragraph(say("tour.squares.text", { total })), scrubber.element, limits(say("tour.squares.limits"))],
  };
}

function tellMarks({ is_ranked, candidates, images }) {
  const which = candidates.length > images ? "tour.marks.text" : "tour.marks.all";
  const text = say(is_ranked ? which : "tour.marks.none", { drawn: candidates.length, shown: images });
  const items = candidates.map(({ address, mark, shown }, index) => {
    const values = { number: index + 1, mark: mark || say("tour.marks.unmarked") };
    const alt = say(shown ? "tour.marks.shown" : "tour.marks.left_out", values);
    return make("li", { class: shown ? "" : "left-out" }, make("img", { src: address, alt }), make("span", { "aria-hidden": "true" }, mark));
  });
  return {
    title: say("tour.marks.title"),
    parts: [paragraph(text), make("ol", { class: "marked" }, items), limits(say("tour.marks.limits"))],
  };
}

function tellNine({ images, positions, steps, model }) {
  const scrubber = new Scrubber({ images, positions, address: (position) => steps.replace("{position}", position) });
  scrubber.go(scrubber.last);
  return {
    title: say("tour.nine.title"),
    parts: [
      scrubber.stage,
      paragraph(say("tour.nine.text")),
      limits(say("tour.nine.limits")),
      limits(say("tour.nine.bias")),
      limits(say("tour.nine.more", { model })),
    ],
  };
}
