"""Ways of drawing: kept tokens, several prompts, a morph, and what guidance leads away from, with a tiny model."""

import dataclasses
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
from doubles import CODEBOOK_SIZE, IMAGE_LENGTH, IMAGE_SIZE, SIDE, Flagging, make_tiny_clip, make_tiny_model
from PIL import Image

import dalle_mini
from dalle_mini import sampling
from dalle_mini.animation import encode_animation
from dalle_mini.config import UNKNOWN, Canvas, KeptTokens, Way
from dalle_mini.errors import ConfigError, DalleMiniError, PromptError, PromptRejected
from dalle_mini.generation import Generation
from dalle_mini.grid import compose_grid, encode_png, enlarge, read_recipe
from dalle_mini.models import vqgan
from dalle_mini.pipeline import DalleMini
from dalle_mini.recipe import Recipe
from dalle_mini.safety.pictures import PictureCheck
from dalle_mini.watermark import mark_picture

PROMPT, OTHER = "a red car at the beach", "two dogs in the snow"
TEMPLATE = "{a red car|two dogs|an owl} {at the beach|in the snow|at night}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def model(folder: str) -> DalleMini:
    return dalle_mini.load(folder)


@pytest.fixture(scope="module")
def plain(model: DalleMini) -> Generation:
    return model.generate(PROMPT, seed=7)


@pytest.fixture(scope="module")
def kept(plain: Generation) -> KeptTokens:
    return KeptTokens(tuple(map(int, plain.tokens[2]))).keep_top(0.5)


def draw_again(model: DalleMini, recipe: dict) -> Generation:
    """What a recipe that came out of a file draws."""
    read = Recipe.from_dict(json.loads(json.dumps(recipe)))
    (*_, last) = model.draw(read.prompt, read.settings, seed=read.seed, way=read.way)
    assert last.result
    return last.result


def same_pixels(one: Generation, other: Generation) -> bool:
    return (one.candidates.pixels == other.candidates.pixels).all()


def test_kept_tokens_stay_and_the_rest_is_drawn_anew(model: DalleMini, plain: Generation, kept: KeptTokens) -> None:
    drawn = model.generate(PROMPT, seed=9, way=Way(kept=kept))
    top = IMAGE_LENGTH // 2
    assert (drawn.tokens[:, :top] == plain.tokens[2, :top]).all()
    assert len({tuple(row) for row in drawn.tokens[:, top:]}) == 9


def test_nothing_kept_is_drawn_as_ever(model: DalleMini, plain: Generation, kept: KeptTokens) -> None:
    assert same_pixels(model.generate(PROMPT, seed=7, way=Way(kept=kept.keep_top(0))), plain)


def test_any_cells_may_stay(model: DalleMini, plain: Generation) -> None:
    cells = [place % 3 == 0 for place in range(IMAGE_LENGTH)]
    brushed = KeptTokens(tuple(map(int, plain.tokens[0]))).repaint(cells)
    drawn = model.generate(OTHER, seed=3, images=2, way=Way(kept=brushed))
    changed = np.array(cells)
    assert (drawn.tokens[:, ~changed] == plain.tokens[0, ~changed]).all()
    assert (drawn.tokens[:, changed] != plain.tokens[0, changed]).any()


def test_previews_show_what_was_kept_from_the_first(model: DalleMini, plain: Generation) -> None:
    bottom = [place < IMAGE_LENGTH // 2 for place in range(IMAGE_LENGTH)]
    brushed = KeptTokens(tuple(map(int, plain.tokens[0]))).repaint(bottom)
    first = next(model.draw(PROMPT, seed=1, way=Way(kept=brushed)))
    shown = np.asarray(first.preview()[0])[::8, ::8, 3] > 0
    assert shown.ravel().tolist() == [place < first.done or not bottom[place] for place in range(IMAGE_LENGTH)]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((0,) * 9, "the kept tokens are 3 × 3, the model draws 4 × 4"),
        ((0,) * 15 + (CODEBOOK_SIZE,), f"the kept token {CODEBOOK_SIZE} is beyond the codebook of {CODEBOOK_SIZE}"),
    ],
)
def test_tokens_of_other_models_are_refused(model: DalleMini, tokens: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model.draw(PROMPT, way=Way(kept=KeptTokens(tokens)))


def test_a_template_draws_every_tile_as_its_prompt_does_alone(model: DalleMini) -> None:
    drawn = model.generate(TEMPLATE, seed=5, way=Way(template=True))
    assert drawn.prompts[0] == "a red car at the beach" and drawn.prompts[8] == "an owl at night"
    assert drawn.tiles[5].label == "two dogs · at night"
    for place in (0, 4, 8):
        alone = model.generate(drawn.prompts[place], seed=drawn.seeds[place], images=1)
        assert (alone.tokens[0] == drawn.tokens[place]).all()
        assert same_pixels(draw_again(model, drawn.tile_recipe(place)), alone)


def test_every_prompt_is_read_once(model: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    read, seen = sampling.read, []
    monkeypatch.setattr(sampling, "read", lambda *values: (seen.append(values), read(*values))[1])
    model.generate("a {red|blue} car", images=12, way=Way(template=True))
    assert len(seen) == 2
    model.generate("a red car", images=12)
    assert len(seen) == 3


def test_a_morph_begins_and_ends_in_its_prompts(model: DalleMini, plain: Generation) -> None:
    drawn = model.generate(PROMPT, seed=7, way=Way(morph_to=OTHER))
    assert (drawn.candidates.pixels[0] == plain.candidates.pixels[0]).all()
    assert (drawn.candidates.pixels[8] == model.generate(OTHER, seed=7).candidates.pixels[0]).all()
    assert [tile.label for tile in drawn.tiles[::4]] == [PROMPT, "50%", OTHER]
    assert drawn.seeds == (7,) * 9
    middle = draw_again(model, drawn.tile_recipe(3))
    assert (middle.tokens[0] == drawn.tokens[3]).all()
    assert drawn.tile_recipe(0)["prompt"] == PROMPT and "morph_to" not in drawn.tile_recipe(0)
    assert drawn.tile_recipe(8)["prompt"] == OTHER and "morph_to" not in drawn.tile_recipe(8)


def test_guidance_away_from_a_prompt(model: DalleMini, plain: Generation) -> None:
    drawn = model.generate(PROMPT, seed=7, not_this=OTHER)
    assert (drawn.tokens != plain.tokens).any() and drawn.recipe["not_this"] == OTHER
    assert same_pixels(draw_again(model, drawn.recipe), drawn)


@pytest.mark.parametrize("way", ["kept", "template", "morph", "share"])
def test_a_saved_grid_draws_itself_again(model: DalleMini, kept: KeptTokens, way: str, tmp_path) -> None:
    prompt = TEMPLATE if way == "template" else PROMPT
    ways = {
        "kept": Way(kept=kept),
        "template": Way(template=True, kept=kept),
        "morph": Way(morph_to=OTHER),
        "share": Way(morph_to=OTHER, morph_share=0.25),
    }
    drawn = model.generate(prompt, seed=11, way=ways[way])
    recipe = read_recipe(drawn.save(tmp_path / "grid.png"))
    assert same_pixels(draw_again(model, recipe), drawn)
    tile = read_recipe(drawn.save_tile(5, tmp_path / "tile.png"))
    assert (draw_again(model, tile).tokens[0] == drawn.tokens[5]).all()


def test_what_is_refused_as_a_prompt_is_refused_everywhere(model: DalleMini) -> None:
    bad = "a naked woman"
    with pytest.raises(PromptRejected):
        model.draw(PROMPT, dataclasses.replace(model.settings(), not_this=bad))
    with pytest.raises(PromptRejected):
        model.draw(PROMPT, way=Way(morph_to=bad))
    with pytest.raises(PromptRejected):
        model.draw("a {car|naked woman}", way=Way(template=True))


def test_what_can_not_be_drawn_is_told_before_drawing(model: DalleMini) -> None:
    with pytest.raises(PromptError, match="9 prompts for 4"):
        model.draw(TEMPLATE, model.settings(images=4), way=Way(template=True))
    with pytest.raises(PromptError, match="never closed"):
        model.draw("a {cat", way=Way(template=True))
    with pytest.raises(ConfigError, match="one picture"):
        model.draw(PROMPT, model.settings(images=1), way=Way(morph_to=OTHER))
    with pytest.raises(PromptError, match="nothing in '__'"):
        model.draw(PROMPT, model.settings(not_this="__"))
    with pytest.raises(ConfigError, match="candidates=12"):
        model.draw(TEMPLATE, model.settings(candidates=12), way=Way(template=True))


def test_no_ranker_moves_the_tiles_of_a_template(folder: str, tmp_path) -> None:
    ranked = dalle_mini.load(folder, ranker=str(make_tiny_clip(tmp_path)))
    drawn = ranked.generate(TEMPLATE, seed=5, way=Way(template=True))
    assert drawn.candidates.shown == tuple(range(9)) and drawn.ranker is None and drawn.marks == (None,) * 9


def test_tokens_travel_as_text(kept: KeptTokens) -> None:
    assert KeptTokens.from_text(kept.to_text()) == kept
    assert len(kept.to_text()) == 44 and SIDE == 4
    assert KeptTokens((0, 1, UNKNOWN, 65534)).to_text() == "AAAAAf____4="


@pytest.mark.parametrize("text", ["", "x", "AAAA", "AAAAA", "ü", "AA A", "AAAAAf____4=" * 2, 7, None])
def test_texts_that_are_no_tokens(text) -> None:
    with pytest.raises(ConfigError):
        KeptTokens.from_text(text)


def test_bad_ways_are_errors(kept: KeptTokens) -> None:
    for make in (
        lambda: kept.keep_top(1.01),
        lambda: kept.keep_top(float("nan")),
        lambda: kept.repaint([True] * 15),
        lambda: KeptTokens(()),
        lambda: KeptTokens((1, 2)),
        lambda: KeptTokens((-2,)),
        lambda: Way(template=True, morph_to="a cat"),
        lambda: Way(morph_share=0.5),
        lambda: Way(morph_to="a cat", morph_share=1.5),
        lambda: Way.from_dict({"kept": "?"}),
        lambda: Way.from_dict({"template": "yes"}),
        lambda: Way.from_dict({"morph": "a cat"}),
    ):
        with pytest.raises(DalleMiniError):
            make()


def test_a_share_keeps_whole_rows(kept: KeptTokens) -> None:
    whole = KeptTokens(tuple(range(16)))
    rows = [sum(token != UNKNOWN for token in whole.keep_top(share).tokens) / 4 for share in (0, 0.1, 0.2, 0.5, 0.9, 1)]
    assert rows == [0, 0, 1, 2, 4, 4]


# Drawing on pictures.


def all_tokens(drawn: Generation, index: int) -> tuple[int, ...]:
    return tuple(map(int, drawn.tokens[index]))


def as_file(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def test_a_png_of_a_picture_gives_its_own_tokens(model: DalleMini, plain: Generation) -> None:
    for image in (plain.images[3], enlarge(plain.images[3]), mark_picture(enlarge(plain.images[3]))):
        content = encode_png(image, plain.tile_recipe(3))
        assert model.keep(Canvas(content, keep=1)).tokens == all_tokens(plain, 3)


def test_the_tokens_of_a_png_that_was_painted_over_are_not_believed(model: DalleMini, plain: Generation) -> None:
    image = plain.images[3].copy()
    image.paste("lime", (8, 8, 16, 16))
    found = model.keep(Canvas(encode_png(image, plain.tile_recipe(3)), keep=1)).tokens
    assert found != all_tokens(plain, 3)
    assert found == model.keep(Canvas(as_file(image), keep=1)).tokens
    for lie in ("", "AAAA", "x" * 44, KeptTokens((0,) * 9).to_text(), KeptTokens((CODEBOOK_SIZE,) * 16).to_text()):
        content = encode_png(image, {"tokens": lie})
        assert model.keep(Canvas(content, keep=1)).tokens == found


def test_any_picture_is_read_by_the_encoder(model: DalleMini) -> None:
    """Upright, its middle square, in the model's size: as the VQGAN reads such pixels."""
    wide = Image.fromarray(np.random.default_rng(0).integers(0, 256, (IMAGE_SIZE, 3 * IMAGE_SIZE, 3), np.uint8))
    middle = wide.crop((IMAGE_SIZE, 0, 2 * IMAGE_SIZE, IMAGE_SIZE))
    pixels = np.asarray(middle, np.float32)[None] / 255
    expected = tuple(map(int, vqgan.encode(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels))[0]))
    assert model.keep(Canvas(as_file(wide), keep=1)).tokens == expected
    sideways = wide.transpose(Image.Transpose.ROTATE_90)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise
    assert model.keep(Canvas(as_file(sideways, exif=turned), keep=1)).tokens == expected


def test_masks_say_what_stays(model: DalleMini, plain: Generation) -> None:
    tokens = KeptTokens(all_tokens(plain, 0))
    text = tokens.to_text()
    assert model.keep(Canvas(tokens=text)) == tokens.keep_top(0.5)
    assert model.keep(Canvas(tokens=text, keep=0.25)) == tokens.keep_top(0.25)
    found = model.keep(Canvas(tokens=text, repaint="0101\n" * 4))
    assert [token == UNKNOWN for token in found.tokens] == [False, True] * 8


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a picture or tokens"),
        ({"picture": b"x", "tokens": "x"}, "a picture or tokens"),
        ({"picture": b"x"}, "no picture that can be read"),
        ({"picture": b"<svg>"}, "SVG"),
        ({"tokens": "x"}, "can't be read"),
        ({"tokens": "AAAAAf____4=", "keep": 0.5, "repaint": "1"}, "keep and repaint"),
        ({"tokens": "AAAAAf____4=", "keep": -0.1}, "keep=-0.1"),
        ({"tokens": "AAAAAf____4=", "repaint": "101"}, "the mask has 3 cells, the picture 4"),
        ({"tokens": "AAAAAf____4=", "repaint": "1012"}, "the mask holds '2'"),
    ],
)
def test_bad_canvases_are_errors(model: DalleMini, values: dict, message: str) -> None:
    with pytest.raises(DalleMiniError, match=message):
        model.keep(Canvas(**values))


# Watching.


def test_a_replay_shows_what_the_previews_showed(model: DalleMini, kept: KeptTokens) -> None:
    *steps, last = model.draw(PROMPT, seed=9, way=Way(kept=kept.repaint([False] * 8 + [True] * 8)))
    assert last.result
    frames = list(model.replay(last.result, frames=len(steps) + 1))
    for step, frame in zip(steps, frames, strict=False):
        assert frame.tobytes() == compose_grid(step.preview()).tobytes()
    assert frames[-1].tobytes() == last.result.grid().tobytes()


def test_a_replay_takes_no_transformer(model: DalleMini, plain: Generation) -> None:
    lame = dataclasses.replace(model, params={})
    frames = list(lame.replay(plain, frames=3))
    assert len(frames) == 3 and len({frame.tobytes() for frame in frames}) == 3
    with Image.open(io.BytesIO(encode_animation(frames))) as animation:
        assert getattr(animation, "n_frames", 1) == 3


def test_a_flagged_picture_is_blurred_all_along_and_tells_no_tokens(model: DalleMini) -> None:
    watched = dataclasses.replace(model, check=PictureCheck((Flagging(0),)))
    drawn = watched.generate(PROMPT, seed=7)
    early, late = (np.asarray(frame)[:256, :256].astype(int) for frame in watched.replay(drawn, frames=2))
    clear = np.asarray(next(iter(model.replay(drawn.unblurred(), frames=2))))[:256, :256].astype(int)
    assert np.abs(np.diff(early[:100], axis=1)).mean() < np.abs(np.diff(clear[:100], axis=1)).mean() / 3
    assert "tokens" not in drawn.tile_recipe(0) and "tokens" in drawn.tile_recipe(1)
    assert drawn.tile_tokens(0) is None and late.shape == early.shape


def test_tiles_of_several_prompts_have_labels(model: DalleMini, plain: Generation) -> None:
    drawn = model.generate(TEMPLATE, seed=5, way=Way(template=True))
    sheet, unlabeled = np.asarray(drawn.grid()), np.asarray(compose_grid(drawn.images))
    assert sheet.shape[1] == unlabeled.shape[1] and sheet.shape[0] > unlabeled.shape[0]
    strip = sheet[256 : sheet.shape[0] // 3 - 8, :256]
    assert (strip < 100).any() and (strip[:, 0] == 255).all()
    assert np.asarray(plain.grid()).shape == unlabeled.shape
