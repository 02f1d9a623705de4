"""What is to be seen of a drawing: the line that says how it goes, the grid, what to do with it, and why it is so."""

import gradio as gr

from dalle_mini.errors import DalleMiniError
from dalle_mini.web import markup
from dalle_mini.web.examples import Example
from dalle_mini.web.parts import Changes, make_html
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.progress import render_done, render_progress
from dalle_mini.web.result import (
    render_example_result,
    render_example_status,
    render_examples,
    render_no_result,
    render_result,
)
from dalle_mini.web.studio import Drawing, Finished, Update
from dalle_mini.web.tiles import render_blank, render_example, render_finished, render_unfinished
from dalle_mini.web.why import render_no_why, render_why
from dalle_mini.web.words import Words

_ON_CLICK = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-%(name)s]");
  if (button) trigger("choose", {value: button.dataset.%(name)s});
});
"""


class Canvas:
    """Five parts, one below the other; each method is what to change in them."""

    def __init__(self, words: Words, pictures: Pictures, examples: tuple[Example, ...], *, blanks: int) -> None:
        self._pictures, self._examples, self._blanks = pictures, examples, blanks
        self.status, self.grid = make_html("", "status"), make_html("", "grid")
        self.result = make_html("", "result", _ON_CLICK % {"name": "seed"})
        self.why = make_html("", "why", _ON_CLICK % {"name": "candidate"})
        self.cards = make_html("", "examples", _ON_CLICK % {"name": "example"})
        for part, value in self.show_first(words).items():
            part.value = value

    @property
    def parts(self) -> list[gr.HTML]:
        return [self.status, self.grid, self.result, self.why, self.cards]

    def show_first(self, words: Words) -> Changes:
        """What a visitor finds: the first example."""
        if self._examples:
            return self.show_example(words, 0)
        return {
            self.status: markup.render_status(),
            self.grid: render_blank(words, self._blanks),
            self.result: render_no_result(),
            self.why: render_no_why(),
            self.cards: "",
        }

    def show_example(self, words: Words, index: int) -> Changes:
        example = self._examples[index]
        return {
            self.status: render_example_status(words, example),
            self.grid: render_example(words, example),
            self.result: render_example_result(words, example),
            self.why: render_no_why(),
            self.cards: render_examples(words, self._examples, example),
        }

    def begin(self, words: Words, count: int) -> Changes:
        """An empty sheet."""
        return {
            self.grid: render_blank(words, count),
            self.result: render_no_result(),
            self.why: render_no_why(),
            self.cards: render_examples(words, self._examples),
        }

    def show(self, words: Words, update: Update) -> Changes:
        """How far a drawing is; a finished one is kept."""
        match update:
            case Finished(generation, seconds):
                name = self._pictures.add(generation)
                return {
                    self.status: render_done(words, generation, seconds),
                    self.grid: render_finished(words, name, generation, public=self._pictures.public),
                    self.result: render_result(words, name, generation),
                    self.why: render_why(words, name, generation),
                }
            case Drawing(pictures=pictures) if pictures:
                unfinished = render_unfinished(words, pictures)
                return {self.status: render_progress(words, update), self.grid: unfinished}
            case _:
                return {self.status: render_progress(words, update)}

    def explain(self, words: Words, candidate: str) -> Changes:
        """Say why a candidate has its mark; `candidate` names its drawing and its place in it."""
        name, _, place = candidate.partition("/")
        generation = self._pictures.find(name)
        if generation is None or place not in map(str, range(len(generation.candidates))):
            return self.tell(words("status.lost"), error=True)
        return {self.why: render_why(words, name, generation, int(place))}

    def tell(self, text: str, *, error: bool = False) -> Changes:
        return {self.status: markup.render_status(text, error=error)}

    def tell_error(self, error: DalleMiniError) -> Changes:
        return {self.status: markup.render_error(error)}
