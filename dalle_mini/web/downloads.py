"""Pictures on their way out: every one bears the watermark, every PNG its recipe."""

import io
import json
import zipfile

from PIL import Image

from dalle_mini.classic import draw_classic
from dalle_mini.generation import Generation
from dalle_mini.grid import encode_png, enlarge
from dalle_mini.safety.blur import blur
from dalle_mini.watermark import mark_picture
from dalle_mini.web.markup import name_file

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip, so that the same drawing makes the same one."""


def encode_grid(generation: Generation) -> bytes:
    """The PNG of a whole drawing."""
    return encode_png(mark_picture(generation.grid()), generation.recipe)


def encode_small_grid(generation: Generation) -> bytes:
    """The same in fewer bytes, as WebP, which holds no recipe."""
    return encode_webp(mark_picture(generation.grid()))


def encode_classic(generation: Generation) -> bytes:
    """The captioned square as PNG."""
    square = draw_classic(generation.images, generation.reading.prompt).image
    return encode_png(mark_picture(square), generation.recipe)


def encode_tile(generation: Generation, index: int) -> bytes:
    """The PNG of one picture, large enough to look at."""
    return encode_png(mark_picture(enlarge(generation.images[index])), generation.tile_recipe(index))


def encode_small_tile(generation: Generation, index: int) -> bytes:
    """The same as WebP."""
    return encode_webp(mark_picture(enlarge(generation.images[index])))


def encode_unblurred(generation: Generation, index: int) -> bytes:
    """The PNG of a flagged picture as it was drawn."""
    return encode_tile(generation.unblurred(), index)


def encode_candidate(generation: Generation, place: int, *, public: bool) -> bytes:
    """The PNG of any candidate, by its place in the order of drawing."""
    picture = enlarge(_look_at(generation, place, public))
    return encode_png(mark_picture(picture), generation.candidate_recipe(place))


def encode_thumbnail(generation: Generation, place: int, *, public: bool) -> bytes:
    """A candidate as a small WebP, to choose by."""
    return encode_webp(mark_picture(_look_at(generation, place, public)))


def encode_zip(generation: Generation) -> bytes:
    """All of a drawing: the grid, the square, every picture, and the recipe as JSON."""
    prompt, buffer = generation.reading.prompt, io.BytesIO()
    files = {
        name_file(prompt, "grid"): encode_grid(generation),
        name_file(prompt, "classic"): encode_classic(generation),
    }
    for index, seed in enumerate(generation.seeds):
        own = generation.prompts[index]
        files[name_file(own, f"{index + 1} seed {seed}")] = encode_tile(generation, index)
    files["recipe.json"] = json.dumps(generation.recipe, ensure_ascii=False, indent=2).encode(errors="replace")
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content)
    return buffer.getvalue()


def encode_webp(image: Image.Image) -> bytes:
    """A picture in few bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85, method=0)
    return buffer.getvalue()


def _look_at(generation: Generation, place: int, public: bool) -> Image.Image:
    """A candidate; the `public` sees those that nobody looked at beside others that were blurred."""
    unseen = generation.verdicts is not None and generation.verdict(place) is None
    image = generation.candidate_image(place)
    return blur(image) if unseen and public else image
