"""What the tour "How does it actually work?" tells of a drawing: its real tokens, steps and marks, as JSON.

The story of the first example lies in `assets/examples/tour`, made by `recipes/nano/examples.py`: the same JSON, and
beside it the pictures under the names that they have here.
"""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, Response
from pydantic import BaseModel

from dalle_mini.generation import Generation
from dalle_mini.web.markup import format_mark
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.steps import count_tokens

EXAMPLE = Path("tour") / "story.json"
"""Of the first example, in the folder of the examples."""


class Piece(BaseModel):
    """A token of the prompt; its text is "" where it begins or ends the prompt."""

    text: str
    id: int


class Candidate(BaseModel):
    """A picture that was drawn; its mark as it is shown, "" where it has none."""

    address: str
    mark: str
    shown: bool


class Story(BaseModel):
    """A drawing, from words to pictures.

    `read` is the prompt as it was rewritten, "" where it was not; `cut` what found no room. Pictures of a step are at
    `steps`, with its position, one of `positions`, in place of `{position}`. Candidates come best first.
    """

    prompt: str
    model: str
    read: str
    cut: str
    pieces: list[Piece]
    images: int
    positions: list[int]
    steps: str
    is_ranked: bool
    candidates: list[Candidate]


def tell(drawn: Generation, folder: str, positions: Sequence[int]) -> Story:
    """The story of a drawing whose pictures are in `folder`."""
    reading, candidates = drawn.reading, drawn.candidates
    marks = {place: candidates.mark(place) for place in candidates.ranked}
    return Story(
        prompt=reading.prompt,
        model=drawn.release,
        read=reading.text.strip() if reading.notes else "",
        cut=reading.cut_text.strip(),
        pieces=[Piece(text=piece.text.strip(), id=piece.id) for piece in reading.pieces],
        images=len(drawn.images),
        positions=list(positions),
        steps=f"{folder}/steps/{{position}}.webp",
        is_ranked=candidates.marks is not None,
        candidates=[
            Candidate(
                address=f"{folder}/candidates/{place}.webp",
                mark="" if mark is None else format_mark(mark),
                shown=place in candidates.shown,
            )
            for place, mark in marks.items()
        ],
    )


def build_router(pictures: Pictures) -> APIRouter:
    """The route of drawings that are kept."""
    router = APIRouter()

    @router.get("/pictures/{name}/story.json")
    def get_story(name: str, response: Response) -> Story:
        """What the tour tells."""
        response.headers["Cache-Control"] = "no-store"
        drawn = pictures.require(name)
        return tell(drawn, f"pictures/{name}", range(count_tokens(drawn) + 1))

    return router
