"""What the API takes and gives, as its OpenAPI description says it."""

import base64
import dataclasses
import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dalle_mini.config import MAX_CANDIDATES, MAX_IMAGES, MAX_PROMPT, MAX_SEED, Canvas, GenerationConfig, Way
from dalle_mini.errors import DataError
from dalle_mini.serving.answers import Problem
from dalle_mini.serving.answers import describe as describe_error
from dalle_mini.serving.store import Record
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Held, Preparing, Update, Waiting

API = "/api/v1"
State = Literal["waiting", "preparing", "drawing", "finished", "failed"]


def _require_words(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("the prompt is empty")
    return prompt


Prompt = Annotated[
    str,
    Field(description="What to draw, in words.", min_length=1, pattern=r"\S", examples=["a red car at the beach"]),
    AfterValidator(_require_words),
]


def _read_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_WHOLE = BeforeValidator(_read_whole)
"""A whole number of JSON may be spelled 9.0."""


class CanvasRequest(BaseModel):
    """A picture to draw on, as a file in base64 or as the `tokens` that came with it. Either `keep` or `repaint`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    picture: str = Field("", description="A PNG, JPEG, WebP or GIF; its middle square is drawn on.")
    tokens: str = Field("", description="The `tokens` of a picture of this server.", max_length=20_000)
    keep: float | None = Field(
        None, ge=0, le=1, description="How much of its rows stays, from the top; 0.5 if left out."
    )
    repaint: str = Field(
        "", description="A 1 for each cell to draw anew, a 0 for the others, row by row.", max_length=20_000
    )

    def read(self) -> Canvas:
        try:
            picture = base64.b64decode(self.picture, validate=True)
        except ValueError as error:
            raise DataError("the picture is not in base64", hint="encode the bytes of its file") from error
        return Canvas(picture, self.tokens, self.keep, self.repaint)


class GenerationRequest(BaseModel):
    """A drawing to make. What is left out is the model's own, and a random seed."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prompt: Prompt
    model: str | None = Field(None, description="A name that `GET /api/v1/models` lists.")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED), _WHOLE] | None = Field(
        None, description="The same one draws the same pictures."
    )
    images: Annotated[int, Field(ge=1, le=MAX_IMAGES), _WHOLE] | None = Field(None, description="Pictures in the grid.")
    guidance_scale: float | None = Field(None, ge=0, le=100, description="How strictly to follow the prompt.")
    temperature: float | None = Field(None, ge=0.01, le=100, description="Above 1 bolder, below 1 safer.")
    top_k: Annotated[int, Field(ge=0, le=2**31 - 1), _WHOLE] | None = Field(
        None, description="Draw from the best so many tokens; 0: from all."
    )
    top_p: float | None = Field(None, gt=0, le=1, description="Draw from the best tokens of this probability.")

    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES), _WHOLE] | None = Field(
        None, description="Pictures to draw and choose from; more than `images` where the model has a ranker."
    )
    variety: float | None = Field(None, ge=0, le=1, description="0 shows the best candidates, 1 the most unlike ones.")
    not_this: str | None = Field(None, description="What should not be seen, in words.", max_length=MAX_PROMPT)
    template: bool = Field(
        False, description="Whether the prompt has choices: `a {cat|dog}`, a prompt for each picture."
    )
    morph_to: str = Field("", description="A prompt that the pictures go over to, step by step.", max_length=MAX_PROMPT)
    morph_share: float | None = Field(None, ge=0, le=1, description="How far all of them have gone to it.")
    canvas: CanvasRequest | None = Field(None, description="A picture to draw on.")
    animation: bool = Field(False, description="Whether to make an animation of the drawing, which takes longer.")

    def way(self) -> Way:
        """How the pictures differ."""
        return Way(self.template, self.morph_to, self.morph_share)

    def settings(self, defaults: GenerationConfig) -> GenerationConfig:
        """The `defaults` with what was asked for."""
        names = {field.name for field in dataclasses.fields(GenerationConfig)}
        return dataclasses.replace(defaults, **self.model_dump(include=names, exclude_none=True))


class BotRequest(BaseModel):
    """What bots for the original send; whatever else they send is passed over."""

    prompt: Prompt


class BotAnswer(BaseModel):
    images: list[str] = Field(description="PNGs in base64.")
    version: str


class Version(BaseModel):
    version: str


class Progress(BaseModel):
    """Tokens of one image."""

    done: int
    total: int


class Reading(BaseModel):
    """How the prompt was read: `cut`, its end, found no room."""

    text: str
    notes: list[str]
    cut: str


class Picture(BaseModel):
    """One picture; its seed draws it again alone."""

    index: int
    seed: int
    prompt: str | None = Field(None, description="What it was drawn from, where that is told.")
    tokens: str | None = Field(None, description="What it is made of, to draw on; none where it is blurred.")
    mark: float | None = Field(None, description="How well it fits the prompt, from -1 to 1, where there is a ranker.")
    flagged: bool | None = Field(None, description="Whether it is blurred, where it was looked at.")
    reason: str | None = Field(None, description="Why, in a few words.")
    score: float | None = Field(None, description="How sure that is, from 0 to 1.")
    png: str
    webp: str


class Result(BaseModel):
    prompt: str
    model: str
    seed: int
    settings: dict[str, Any]
    recipe: dict[str, Any] = Field(description="What draws the grid again.")
    reading: Reading
    went_by: str = Field(description="The words that the model knows, where it can tell.")
    notes: list[str] = Field(description="What to know about the pictures and their marks.")
    images: list[Picture]
    png: str = Field(description="The grid.")
    webp: str
    animation: str | None = Field(None, description="The grid as it came about, where that was ordered.")


class Generation(BaseModel):
    """A drawing: under way, kept, or failed."""

    id: str
    state: State
    place: int | None = Field(None, description="1 is the next to be drawn.")
    seconds_left: float | None = Field(None, description="Until the pictures are there, where that is known.")
    progress: Progress | None = None
    created: float | None = Field(None, description="Seconds since 1970.")
    expires: float | None = Field(None, description="When the pictures are deleted; seconds since 1970.")
    result: Result | None = None
    error: Problem | None = None
    location: str
    events: str
    delete_token: str | None = Field(None, description="Deletes the pictures. Told once, to the one who ordered.")


class Model(BaseModel):
    """`loaded` ones draw at once; those that are not `here` have to be downloaded by the operator."""

    name: str
    description: str
    here: bool
    loaded: bool
    defaults: dict[str, Any]


class Models(BaseModel):
    default: str
    models: list[Model]


def describe_found(found: Ticket | Record) -> Generation:
    return describe_record(found) if isinstance(found, Record) else describe_update(found.id, found.news.update)


def describe_update(id: str, update: Update) -> Generation:
    """How a drawing that is under way stands."""
    match update:
        case Held(_, seconds):
            return _generation(id, "waiting", seconds_left=_finite(seconds))
        case Waiting(place, seconds):
            return _generation(id, "waiting", place=place, seconds_left=_finite(seconds))
        case Preparing():
            return _generation(id, "preparing", place=0)
        case Drawing(done, total, _, seconds_left):
            progress = Progress(done=done, total=total)
            return _generation(id, "drawing", place=0, seconds_left=_finite(seconds_left), progress=progress)
        case Failed(error):
            return _generation(id, "failed", error=describe_error(error))
        case Finished():
            return _generation(id, "finished")


def describe_record(record: Record) -> Generation:
    """A drawing that is kept."""
    values = dict(record.description)
    place = f"{API}/generations/{record.id}"
    count = len(values["seeds"])
    told = {name: values.pop(f"{name}s", None) for name in ("seed", "mark", "prompt")}
    told["tokens"] = values.pop("tokens", None)
    # Drawings that were kept by earlier versions have no verdicts, prompts and tokens.
    verdicts = values.pop("verdicts", None) or [{}] * count
    pictures = [
        Picture(
            index=index,
            png=f"{place}/{index}.png",
            webp=f"{place}/{index}.webp",
            **{name: each and each[index] for name, each in told.items()},
            **verdicts[index],
        )
        for index in range(count)
    ]
    animation = f"{place}/animation.webp" if values.pop("animation", False) else None
    result = Result(**values, images=pictures, png=f"{place}/grid.png", webp=f"{place}/grid.webp", animation=animation)
    return _generation(record.id, "finished", created=record.created, expires=record.expires, result=result)


def _generation(id: str, state: State, **values: Any) -> Generation:
    place = f"{API}/generations/{id}"
    return Generation(id=id, state=state, location=place, events=f"{place}/events", **values)


def _finite(seconds: float) -> float | None:
    return round(seconds, 1) if math.isfinite(seconds) else None
