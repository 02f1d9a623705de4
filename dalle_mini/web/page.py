"""The page: its parts, and what happens between them.

Every event is a plain function of what stands in the fields; drawing is a generator, so closing it (Stop, or leaving
the page) stops the work. Each answers in the language of the browser that asks.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from dalle_mini.errors import DalleMiniError
from dalle_mini.recipe import Recipe
from dalle_mini.web import markup
from dalle_mini.web.box import Box
from dalle_mini.web.canvas import Canvas
from dalle_mini.web.examples import Example
from dalle_mini.web.links import describe, find_model, read_link, read_prompt
from dalle_mini.web.order import read_order, read_seed
from dalle_mini.web.parts import Blocks, Changes, make_html
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.settings import SettingsPanel
from dalle_mini.web.studio import Finished, Held, Studio
from dalle_mini.web.styles import StyleChips
from dalle_mini.web.underlay import TokensBelow, Underlay, UnderlayPanel
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.words import FIRST, Words, choose_words, read_words

_FIELDS = ("box", "settings")
"""Parts of the copy that Gradio's own components show."""
_SPARE_THREADS = 16
_logger = logging.getLogger(__name__)


class Page:
    """`blocks` is what Gradio serves, with the copy of `i18n` for its own components.

    `name_visitor` names who asks, for turns and limits; "" for nobody in particular.
    """

    def __init__(
        self,
        studio: Studio,
        pictures: Pictures,
        examples: tuple[Example, ...],
        uploads: Uploads,
        *,
        name_visitor: Callable[[gr.Request], str] = lambda request: "",
    ) -> None:
        self.studio, self.examples, self.name_visitor = studio, examples, name_visitor
        self.i18n = gr.I18n(**{language: words.select(*_FIELDS) for language, words in read_words().items()})
        first = read_words()[FIRST]
        with Blocks(title="DALL·E mini", analytics_enabled=False, fill_width=True) as self.blocks:
            self.header = make_html(markup.render_header(first), "header")
            self.box = Box(self.i18n)
            self.styles = StyleChips(first, studio.model)
            self.underlay = UnderlayPanel(first, studio.model, pictures, uploads)
            self.settings = SettingsPanel(first, self.i18n, studio.model, studio.ranker)
            self.canvas = Canvas(first, pictures, examples, blanks=int(self.settings.images.value))
            self.footer = make_html(markup.render_footer(first), "footer")
            self._connect()
        # Every visitor who waits or is held keeps one of Gradio's threads, and so that it has some for all else:
        self.blocks.max_threads = studio.room + _SPARE_THREADS
        self.blocks.queue(max_size=studio.room, api_open=False)

    def _connect(self) -> None:
        box, settings, canvas, underlay = self.box, self.settings, self.canvas, self.underlay
        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        slow: dict[str, Any] = {
            "show_progress": "hidden",
            # A press while the last drawing is just being closed counts; `keys.js` keeps others back.
            "trigger_mode": "always_last",
            "concurrency_limit": None,
            "api_visibility": "private",
        }
        shown = [*canvas.parts, box.run, box.stop, underlay.held, underlay.part]
        filled = [underlay.held, box.prompt, *settings.fields]
        drawing = gr.on([box.prompt.submit, box.run.click], self.draw, filled, shown, **slow)
        redrawing = underlay.part.repaint(
            self.repaint, settings.fields, [*shown, box.prompt, settings.morph_to], **slow
        )
        # Only then, or news of the drawing that is on its way would be shown after this.
        box.stop.click(None, cancels=[drawing, redrawing], **quick).then(self.show_stopped, None, shown, **quick)
        restyled = [*settings.styles, settings.choosing]
        # Not on every change: what a recipe filled in stays.
        settings.model.input(settings.apply_defaults, settings.model, restyled, **quick)
        lying = [underlay.held, underlay.part]
        settings.model.input(self.show_underlay, [underlay.held, settings.model], lying, **quick)
        settings.model.input(self.restyle, settings.model, self.styles.part, **quick)
        underlay.part.take_away(self.take_away, settings.model, lying, **quick)
        canvas.result.choose(self.keep_seed, None, [settings.seed, settings.panel, canvas.status], **quick)
        canvas.why.choose(self.explain, None, [canvas.why, canvas.status], **quick)
        canvas.cards.choose(self.show_example, None, [box.prompt, *canvas.parts], **quick)
        static = [self.header, self.footer, self.styles.part, settings.notify, underlay.part]
        self.blocks.load(
            self.greet, None, [*static, *filled, settings.choosing, settings.panel, *canvas.parts], **quick
        )

    def greet(self, request: gr.Request) -> Changes:
        """The page in the visitor's language, with what the link asks for."""
        words = choose_language(request)
        header = {
            self.header: markup.render_header(words),
            self.settings.notify: markup.render_notify(words),
            self.footer: markup.render_footer(words),
            **self.underlay.show(words, None, self.studio.model),
            **self.styles.show(words, self.studio.model),
        }
        query = str(request.url.query)
        try:
            recipe = read_link(query)
        except DalleMiniError as error:
            return header | self.canvas.show_first(words) | self.canvas.tell_error(error)
        if recipe:
            return header | self.fill_in(words, recipe)
        if prompt := read_prompt(query):
            header |= {self.box.prompt: prompt}
        # In the first language all of it is there.
        return header | (self.canvas.show_first(words) if words.language != FIRST else {})

    def fill_in(self, words: Words, recipe: Recipe) -> Changes:
        """Everything that a recipe says, ready to be drawn."""
        model = find_model(recipe, self.studio.model)
        told = describe(words, recipe, self.settings, is_here=model is not None)
        kept = recipe.way.kept if model else None
        below = TokensBelow(kept, recipe.release) if kept else None
        filled = self.settings.fill_in(model or self.studio.model, recipe)
        filled |= self.underlay.show(words, below, model or self.studio.model)
        blank = self.canvas.begin(words, recipe.settings.images) | self.canvas.tell(told)
        styles = self.styles.show(words, model or self.studio.model)
        return {self.box.prompt: recipe.prompt} | filled | styles | blank

    def restyle(self, request: gr.Request, model: str) -> Changes:
        """The styles that the chosen model knows."""
        return self.styles.show(choose_language(request), model)

    def draw(self, request: gr.Request, underlay: Underlay | None, *fields: Any) -> Iterator[Changes]:
        """Draw what the fields say, on what lies there, telling how it goes; whatever fails is told in words."""
        words = choose_language(request)
        try:
            order = read_order(*fields)
            order = underlay.put_under(order) if underlay else order
            with contextlib.closing(self.studio.draw(order, visitor=self.name_visitor(request))) as updates:
                # The pictures of before stay until this drawing is in the line.
                ready = self.box.show_busy()
                sheet = self.canvas.begin(words, order.settings.images)
                sheet |= self.underlay.show(words, underlay, order.model)
                for update in updates:
                    if not isinstance(update, Held):
                        ready, sheet = ready | sheet, {}
                    done = self.box.show_idle() if isinstance(update, Finished) else {}
                    yield ready | self.canvas.show(words, update) | done
                    ready = {}
        except DalleMiniError as error:
            yield self.canvas.tell_error(error) | self.box.show_idle()
        except Exception:
            _logger.exception("a drawing failed")
            yield self.canvas.tell(words("status.failed"), error=True) | self.box.show_idle()

    def repaint(self, request: gr.Request, event: gr.EventData, *fields: Any) -> Iterator[Changes]:
        """Draw on the picture that the brush sent, from its prompt alone; from then on it lies below."""
        words, (model, *_) = choose_language(request), fields
        try:
            prompt, underlay = self.underlay.read(read_value(event))
        except DalleMiniError as error:
            yield self.canvas.tell_error(error)
            return
        yield {self.box.prompt: prompt, self.settings.morph_to: ""} | self.underlay.show(words, underlay, model)
        yield from self.draw(request, underlay, prompt, *fields[:-1], "")

    def show_underlay(self, request: gr.Request, underlay: Underlay | None, model: str) -> Changes:
        return self.underlay.show(choose_language(request), underlay, model)

    def take_away(self, request: gr.Request, model: str) -> Changes:
        return self.underlay.show(choose_language(request), None, model)

    def show_stopped(self, request: gr.Request) -> Changes:
        return self.canvas.tell(choose_language(request)("status.stopped")) | self.box.show_idle()

    def keep_seed(self, request: gr.Request, event: gr.EventData) -> Changes:
        """Put a seed into its field, where it can be seen."""
        seed = str(read_value(event))
        try:
            read_seed(seed)
        except DalleMiniError as error:
            return self.canvas.tell_error(error)
        told = self.canvas.tell(choose_language(request)("status.seed", seed=seed))
        return {self.settings.seed: seed, self.settings.panel: gr.update(open=True)} | told

    def explain(self, request: gr.Request, event: gr.EventData) -> Changes:
        return self.canvas.explain(choose_language(request), str(read_value(event)))

    def show_example(self, request: gr.Request, event: gr.EventData) -> Changes:
        value = str(read_value(event))
        if value not in map(str, range(len(self.examples))):
            return self.canvas.tell(choose_language(request)("status.lost"), error=True)
        index = int(value)
        shown = self.canvas.show_example(choose_language(request), index)
        return {self.box.prompt: self.examples[index].prompt} | shown


def read_value(event: gr.EventData) -> Any:
    """What a script of the page told with an event; whoever pretends to be it may tell anything."""
    with contextlib.suppress(AttributeError, TypeError):  # nothing was told
        return event.value
    return ""


def choose_language(request: gr.Request) -> Words:
    return choose_words(request.headers.get("accept-language", ""))
