"""What is drawn on, if anything: a tile or an upload with the squares to draw anew, or the tokens that a recipe keeps.

It stays below the box, and under every drawing, until it is taken away.
"""

import dataclasses
import itertools
from html import escape

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dalle_mini.checkpoints.releases import find_name
from dalle_mini.config import UNKNOWN, Canvas, KeptTokens
from dalle_mini.config.way import MOST_CELLS
from dalle_mini.errors import ConfigError
from dalle_mini.grid import encode_png
from dalle_mini.serving import shelf
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.order import Order
from dalle_mini.web.parts import Changes, make_html
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.words import Words

_SCRIPT = """
document.addEventListener("repaint", (event) => trigger("repaint", {value: event.detail}));
element.addEventListener("click", (event) => event.target.closest("[data-away]") && trigger("take_away", {}));
"""


class Wish(BaseModel):
    """What the brush asks for: which squares of which picture to draw anew, from which prompt."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    repaint: str = Field(pattern="^[01]*$", max_length=MOST_CELLS)
    prompt: str


@dataclasses.dataclass(frozen=True)
class PictureBelow:
    """The PNG of a tile or an upload, which the page knows by its `source`; `repaint` is as a `Canvas` has it."""

    source: str
    content: bytes = dataclasses.field(repr=False)
    repaint: str

    def put_under(self, order: Order) -> Order:
        side, marked = shelf.read_side(order.model), len(self.repaint)
        if side is not None and marked != side**2:
            found = f"{marked} squares were marked or left, but pictures of {find_name(order.model)} have {side**2}"
            raise ConfigError(found, hint="press “Change” and mark them again, or choose the model of before")
        return dataclasses.replace(order, canvas=Canvas(self.content, repaint=self.repaint))


@dataclasses.dataclass(frozen=True)
class TokensBelow:
    """Tokens that `release` drew, which mean nothing to other models."""

    kept: KeptTokens
    release: str

    @property
    def repaint(self) -> str:
        return "".join("01"[token == UNKNOWN] for token in self.kept.tokens)

    def put_under(self, order: Order) -> Order:
        if (model := find_name(order.model)) != self.release:
            hint = f"choose {self.release}, or take the picture away"
            raise ConfigError(f"the recipe keeps parts of a picture of {self.release}, not of {model}", hint=hint)
        return dataclasses.replace(order, way=dataclasses.replace(order.way, kept=self.kept))


Underlay = PictureBelow | TokensBelow


class UnderlayPanel:
    """`held` is what is drawn on, and `part` shows it; without any, it offers to bring a picture."""

    def __init__(self, words: Words, model: str, pictures: Pictures, uploads: Uploads) -> None:
        self._pictures, self._uploads = pictures, uploads
        self.held = gr.State(None)
        self.part = make_html(render_underlay(words, None, shelf.read_side(model)), "underlay", _SCRIPT)

    def read(self, sent: object) -> tuple[str, PictureBelow]:
        """The prompt and the picture that the brush sent; NotFound and ConfigError where there is nothing to do."""
        try:
            wish = Wish.model_validate(sent)
        except ValidationError as error:
            raise ConfigError("the page sent no squares of a picture", hint="reload the page") from error
        if "1" not in wish.repaint:
            raise ConfigError("no square is marked", hint="mark those that are to be drawn anew")
        return wish.prompt, PictureBelow(wish.source, self._find(wish.source), wish.repaint)

    def show(self, words: Words, underlay: Underlay | None, model: str) -> Changes:
        return {self.held: underlay, self.part: render_underlay(words, underlay, shelf.read_side(model))}

    def _find(self, source: str) -> bytes:
        name, is_tile, index = source.partition("/")
        if not is_tile:
            return self._uploads.require(name)
        generation = self._pictures.require(name)
        if index not in map(str, range(len(generation.images))):
            raise NotFound("there is no such picture", hint="reload the page")
        if generation.tile_tokens(int(index)) is None:
            raise ConfigError("a blurred picture can’t be drawn on", hint="choose another one")
        return encode_png(generation.images[int(index)], generation.tile_recipe(int(index)))


def render_underlay(words: Words, underlay: Underlay | None, side: int | None) -> str:
    """What is drawn on by the chosen model, whose pictures have `side` tokens a row; unknown for one not here."""
    data = f'data-side="{side or ""}"'
    if underlay is None:
        offer = escape(words("underlay.offer"))
        button = f'<button type="button" class="link" data-panel="upload" aria-haspopup="dialog">{offer}</button>'
        return f'<div class="underlay" {data}>{button}</div>'
    count, drawn = len(underlay.repaint), underlay.repaint.count("1")
    told = escape(words("underlay.told", kept=count - drawn, count=count))
    label = escape(words("underlay.away"))
    away = f'<button type="button" class="action" data-away aria-label="{label}" title="{label}">×</button>'
    picture, change = "", ""
    if isinstance(underlay, PictureBelow):
        picture = f'<img src="{escape(_address(underlay.source))}" alt="">'
        change = (
            f'<button type="button" class="action" data-act="repaint" aria-haspopup="dialog"'
            f' data-source="{escape(underlay.source)}" data-repaint="{underlay.repaint}">'
            f"{escape(words('underlay.change'))}</button>"
        )
    small = f'<span class="below">{picture}{_draw_mask(underlay.repaint)}</span>'
    return f'<div class="underlay held" {data}>{small}<p>{told}</p>{change}{away}</div>'


def _address(source: str) -> str:
    return f"pictures/{source}.webp" if "/" in source else f"uploads/{source}.webp"


def _draw_mask(repaint: str) -> str:
    """The squares to draw anew, as a small picture."""
    side = int(len(repaint) ** 0.5)
    path = "".join(
        f"M{start} {row}h{length}v1h-{length}z"
        for row in range(side)
        for start, length in _find_runs(repaint[row * side : (row + 1) * side])
    )
    return f'<svg viewBox="0 0 {side} {side}" aria-hidden="true"><path d="{path}"/></svg>'


def _find_runs(row: str) -> list[tuple[int, int]]:
    """Where ones begin that stand side by side, and how many they are."""
    runs, place = [], 0
    for digit, same in itertools.groupby(row):
        length = len(list(same))
        runs += [(place, length)] * (digit == "1")
        place += length
    return runs
