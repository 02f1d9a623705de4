"""The page: a box, a button, and the grid that fills in while it is drawn.

Every event is a plain function of what stands in the fields; drawing is a generator, so closing it (Stop, or leaving
the page) stops the work.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dalle_mini.config import MAX_SEED, GenerationConfig
from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.serving import shelf
from dalle_mini.web import markup
from dalle_mini.web.examples import Example
from dalle_mini.web.order import read_order
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.studio import ROOM, Drawing, Finished, Preparing, Studio, Update, Waiting
from dalle_mini.web.why import render_no_why, render_why

Changes = dict[Any, Any]
"""New values of components; those that are not named stay as they are."""

_MAX_IMAGES = 36
_MAX_CANDIDATES = 144
_ON_CLICK = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-%(name)s]");
  if (button) trigger("choose", {value: button.dataset.%(name)s});
});
"""
_logger = logging.getLogger(__name__)


class Page:
    """The components of the page and what happens between them."""

    def __init__(
        self,
        studio: Studio,
        pictures: Pictures,
        examples: tuple[Example, ...],
        *,
        name_visitor: Callable[[gr.Request], str] = lambda request: "",
    ) -> None:
        self.studio, self.pictures, self.examples, self.name_visitor = studio, pictures, examples, name_visitor
        with gr.Blocks(title="DALL·E mini", analytics_enabled=False, fill_width=True) as self.blocks:
            _html(markup.HEADER)
            self._lay_out_prompt()
            self._lay_out_settings()
            self._lay_out_pictures()
            _html(markup.FOOTER)
            self._connect()
        self.blocks.queue(max_size=4 * ROOM, api_open=False)

    def _lay_out_prompt(self) -> None:
        with gr.Row(elem_id="prompt-row"):
            self.prompt = gr.Textbox(
                elem_id="prompt",
                label="Prompt",
                show_label=False,
                container=False,
                placeholder="an avocado armchair",
                lines=1,
                max_lines=4,
                autofocus=True,
                scale=1,
                html_attributes=gr.InputHTMLAttributes(autocomplete="off", enterkeyhint="go"),
            )
            self.run = gr.Button("Run", elem_id="run", variant="primary", scale=0, min_width=104)
            self.stop = gr.Button("Stop", elem_id="stop", variant="stop", scale=0, min_width=104, visible=False)

    def _lay_out_settings(self) -> None:
        defaults = shelf.read_defaults(self.studio.model)
        with gr.Accordion("Settings", open=False, elem_id="settings") as self.settings:
            with gr.Row():
                self.model = gr.Dropdown(
                    shelf.list_choices(self.studio.model), value=self.studio.model, label="Model", filterable=False
                )
                self.images = gr.Slider(1, _MAX_IMAGES, defaults.images, step=1, label="Pictures")
            with gr.Row():
                self.guidance_scale = gr.Slider(
                    1,
                    max(20, defaults.guidance_scale),
                    defaults.guidance_scale,
                    step=0.5,
                    label="Guidance",
                    info="How close to the words",
                )
                self.temperature = gr.Slider(
                    0.1,
                    2,
                    defaults.temperature,
                    step=0.05,
                    label="Temperature",
                    info="Low is tame, high is wild",
                )
            with gr.Row():
                self.top_k = gr.Slider(
                    0,
                    256,
                    min(defaults.top_k, 256),
                    step=1,
                    label="Top-k",
                    info="The k best; 0 is all",
                )
                self.top_p = gr.Slider(
                    0.05,
                    1,
                    defaults.top_p,
                    step=0.05,
                    label="Top-p",
                    info="The likeliest; 1 is all",
                )
            candidates, variety, is_ranked = self._usual_choices(self.studio.model, defaults)
            with gr.Row(visible=is_ranked) as self.choosing:
                self.candidates = gr.Slider(
                    0,
                    _MAX_CANDIDATES,
                    candidates,
                    step=1,
                    label="Candidates",
                    info="How many to draw; 0 is auto",
                )
                self.variety = gr.Slider(
                    0,
                    1,
                    variety,
                    step=0.05,
                    label="Variety",
                    info="Low is best, high is varied",
                )
            self.seed = gr.Textbox(
                label="Seed",
                info=f"A whole number up to {MAX_SEED}; the same one draws the same pictures",
                placeholder="random",
                elem_id="seed",
                max_lines=1,
            )

    def _lay_out_pictures(self) -> None:
        first = self.examples[0] if self.examples else None
        count = int(self.images.value)
        self.status = _html(markup.render_example_status(first) if first else markup.render_status(), "status")
        self.grid = _html(markup.render_example(first) if first else markup.render_blank(count), "grid")
        self.result = _html(
            markup.render_example_result(first) if first else markup.render_no_result(),
            "result",
            _ON_CLICK % {"name": "seed"},
        )
        self.why = _html(render_no_why(), "why", _ON_CLICK % {"name": "candidate"})
        self.cards = _html(markup.render_examples(self.examples, first), "examples", _ON_CLICK % {"name": "example"})

    def _connect(self) -> None:
        choices = [self.candidates, self.variety]
        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        fields = [
            self.prompt,
            self.model,
            self.images,
            self.guidance_scale,
            self.temperature,
            self.top_k,
            self.top_p,
            *choices,
            self.seed,
        ]
        shown = [self.status, self.grid, self.result, self.why, self.cards, self.run, self.stop]
        drawing = gr.on(
            [self.prompt.submit, self.run.click],
            self.draw,
            fields,
            shown,
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
        )
        # Only then, or news of the drawing that is on its way would be shown after this.
        self.stop.click(None, cancels=[drawing], **quick).then(self.show_stopped, None, shown, **quick)
        self.model.change(
            self.apply_defaults,
            self.model,
            [self.guidance_scale, self.temperature, self.top_k, self.top_p, *choices, self.choosing],
            **quick,
        )
        self.result.choose(self.keep_seed, None, [self.seed, self.settings, self.status], **quick)
        self.why.choose(self.explain, None, [self.why, self.status], **quick)
        self.cards.choose(self.show_example, None, [self.prompt, *shown], **quick)

    def draw(self, request: gr.Request, *fields: Any) -> Iterator[Changes]:
        """Draw what the fields say, telling how it goes; whatever fails is told in words."""
        try:
            order = read_order(*fields)
            with contextlib.closing(self.studio.draw(order, visitor=self.name_visitor(request))) as updates:
                # What is refused is so by now, and the pictures of before stay.
                yield self._begin(order.settings.images) | self._show(next(updates))
                for update in updates:
                    yield self._show(update)
        except DalleMiniError as error:
            yield self._end(markup.render_error(error))
        except Exception:
            _logger.exception("a drawing failed")
            words = "Something went wrong here, and it has been noted. Please try again."
            yield self._end(markup.render_status(words, error=True))

    def _begin(self, count: int) -> Changes:
        return {
            self.grid: markup.render_blank(count),
            self.result: markup.render_no_result(),
            self.why: render_no_why(),
            self.cards: markup.render_examples(self.examples),
            self.run: gr.update(visible=False),
            self.stop: gr.update(visible=True),
        }

    def _show(self, update: Update) -> Changes:
        match update:
            case Waiting(place, seconds):
                detail = f"about {_describe_seconds(seconds)}" if math.isfinite(seconds) else ""
                return {self.status: markup.render_status(_describe_line(place), detail=detail)}
            case Preparing(model):
                words = f"Getting the model {markup.shorten(Path(model).name, 40)} ready…"
                return {self.status: markup.render_status(words)}
            case Drawing(done, total, settings, seconds_left, pictures):
                detail = f"{done} of {total} tokens, about {_describe_seconds(seconds_left)} left"
                status = markup.render_status(_describe_drawing(settings), detail=detail, done=done, total=total)
                return {self.status: status} | ({self.grid: markup.render_unfinished(pictures)} if pictures else {})
            case Finished(generation, seconds):
                name = self.pictures.add(generation)
                words = _describe_finished(generation)
                return self._end(markup.render_status(words, detail=f"Drawn in {_describe_seconds(seconds)}")) | {
                    self.grid: markup.render_finished(name, generation, public=self.studio.public),
                    self.result: markup.render_result(name, generation),
                    self.why: render_why(name, generation),
                }

    def _end(self, status: str) -> Changes:
        return {self.status: status, self.run: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def show_stopped(self) -> Changes:
        return self._end(markup.render_status("Stopped. The pictures are unfinished."))

    def apply_defaults(self, model: str) -> list[Any]:
        """The settings that a model is best drawn with, and whether there is anything to choose by."""
        defaults = shelf.read_defaults(model)
        candidates, variety, is_ranked = self._usual_choices(model, defaults)
        drawing = [defaults.guidance_scale, defaults.temperature, min(defaults.top_k, 256), defaults.top_p]
        return [*drawing, candidates, variety, gr.update(visible=is_ranked)]

    def _usual_choices(self, model: str, defaults: GenerationConfig) -> tuple[int, float, bool]:
        """Candidates, variety, and whether there is a ranker, without which there is nothing to choose by."""
        if shelf.brings_ranker(model) or (model == self.studio.model and self.studio.ranker is not None):
            return min(defaults.candidates or 0, _MAX_CANDIDATES), defaults.variety, True
        return 0, 0.0, False

    def keep_seed(self, event: gr.EventData) -> Changes:
        """Put a seed into its field, where it can be seen."""
        seed = event.value
        return {
            self.seed: seed,
            self.settings: gr.update(open=True),
            self.status: markup.render_status(f"Seed {seed} is kept for the next drawings."),
        }

    def explain(self, event: gr.EventData) -> Changes:
        """Say why a candidate has its mark; the panel names its drawing and its place in it."""
        name, _, place = str(event.value).partition("/")
        generation = self.pictures.find(name)
        if generation is None or place not in map(str, range(len(generation.candidates))):
            return {self.status: markup.render_status("This drawing is no longer kept. Draw it again.", error=True)}
        return {self.why: render_why(name, generation, int(place))}

    def show_example(self, event: gr.EventData) -> Changes:
        example = self.examples[int(event.value)]
        return {
            self.prompt: example.prompt,
            self.status: markup.render_example_status(example),
            self.grid: markup.render_example(example),
            self.result: markup.render_example_result(example),
            self.why: render_no_why(),
            self.cards: markup.render_examples(self.examples, example),
        }


def _html(value: str, name: str | None = None, script: str | None = None) -> gr.HTML:
    return gr.HTML(value, elem_id=name, js_on_load=script, apply_default_css=False)


def _describe_drawing(settings: GenerationConfig) -> str:
    count, shown = settings.candidates or settings.images, settings.images
    return f"Drawing {count}, showing the best {shown}" if count > shown else "Drawing"


def _describe_finished(generation: Generation) -> str:
    count, shown = len(generation.candidates), len(generation.images)
    if count == shown:
        return markup.as_sentence(markup.count_pictures(shown))
    return f"{shown} of {count}, good and varied." if generation.settings.variety else f"The best {shown} of {count}."


def _describe_line(place: int) -> str:
    return f"Number {place} in line…" if place > 1 else "Next in line…"


def _describe_seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
