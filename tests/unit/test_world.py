"""The picture world: scenes repeat, fit their captions, and keep held-out combinations out."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from dalle_mini.data.manifest import read_manifest, write_manifest
from dalle_mini.data.records import Picture
from dalle_mini.data.shards import RecordSet
from dalle_mini.data.sheet import contact_sheet
from dalle_mini.errors import OutputError
from recipes.world.build import build
from recipes.world.facts import Facts, draw_facts, is_held_out
from recipes.world.scenes import CELL, SIZE, Spot, arrange, compose, corner, draw_scene, picture, suitable
from recipes.world.world import load_world

WORLD = load_world()
SCENES = [draw_scene(WORLD, 0, index) for index in range(1000)]


def all_facts(count: int) -> list[Facts]:
    return [draw_facts(WORLD, Random(f"test {n}")) for n in range(count)]


def test_same_seed_draws_the_same_scene() -> None:
    for index in range(30):
        first, second = (draw_scene(WORLD, 3, index) for _ in range(2))
        assert first.caption == second.caption
        assert first.facts == second.facts
        assert np.array_equal(first.pixels, second.pixels)


def test_other_seeds_draw_other_scenes() -> None:
    others = [draw_scene(WORLD, 1, index) for index in range(50)]
    seen = {scene.pixels.tobytes() for scene in [*SCENES[:50], *others]}
    assert len(seen) > 90


def test_pixels_have_the_promised_shape() -> None:
    for scene in SCENES:
        assert scene.pixels.shape == (64, 64, 3)
        assert scene.pixels.dtype == np.uint8


def test_training_scenes_hold_no_held_out_combination() -> None:
    assert not any(is_held_out(WORLD, scene.facts) for scene in SCENES)


def test_held_out_scenes_all_hold_one() -> None:
    for index in range(100):
        assert is_held_out(WORLD, draw_scene(WORLD, 0, index, held_out=True).facts)


def test_everything_lies_inside_the_picture_on_the_grid() -> None:
    for number, facts in enumerate(all_facts(2000)):
        drawings = [suitable(WORLD.things[name], facts.relation, place)[0] for place, name in enumerate(facts.things)]
        for place, spot in enumerate(arrange(WORLD, facts, drawings, Random(number))):
            assert 0 <= spot.x <= 64 - spot.size
            assert 0 <= spot.y <= 64 - spot.size
            step = 4 if facts.relation == "wearing" and place == 1 else CELL
            assert spot.x % step == 0
            assert spot.y % step == 0


def covered(name: str, spot: Spot) -> np.ndarray:
    """Where one thing alone would paint."""
    thing = WORLD.things[name]
    drawing = picture(WORLD, thing.drawings[0].name, spot.size, "", "")
    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(drawing.getchannel("A"), corner(thing, *drawing.size, spot))
    return np.asarray(mask) > 128


def test_both_things_of_a_pair_stay_visible_and_meet() -> None:
    for facts in [facts for facts in all_facts(3000) if facts.relation]:
        drawings = [suitable(WORLD.things[name], facts.relation, place)[0] for place, name in enumerate(facts.things)]
        spots = arrange(WORLD, facts, drawings, Random(0))
        first, second = (covered(*each) for each in zip(facts.things, spots, strict=True))
        below = first if facts.relation == "wearing" else second
        assert (first & second).sum() < 0.5 * below.sum(), facts
        if facts.relation in ("riding", "on top of", "wearing"):
            near = [np.roll(first, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)]
            assert (np.any(near, axis=0) & second).any(), facts


def test_colors_are_told_apart() -> None:
    """The middle of a recolored ball is nearest to its own color."""
    palette = {name: np.array(color["rgb"]) for name, color in WORLD.colors.items()}
    for name in palette:
        facts = Facts(("heart",), color=name, background="plain white")
        pixels = compose(WORLD, facts, Random(0))[16:40, 24:40].reshape(-1, 3)
        middle = np.median(pixels, axis=0)
        nearest = min(palette, key=lambda other: float(np.abs(palette[other] - middle).sum()))
        assert nearest == name


def set_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_build_is_the_same_with_any_workers_and_resumes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    build(one, seed=1, count=10, workers=1, shard=4)
    build(two, seed=1, count=10, workers=2, shard=4)
    whole = set_bytes(one)
    names = ["manifest.json", *(f"pictures-0000{number}.array_record" for number in range(3))]
    assert set_bytes(two) == whole and sorted(whole) == names

    # As if stopped while the second shard was written, and the third had been damaged.
    write_manifest(two / "unfinished.json", read_manifest(two / "manifest.json").plan)
    (two / "manifest.json").unlink()
    (two / names[2]).unlink()
    (two / names[3]).write_bytes(b"cut short")
    kept = (two / names[1]).stat().st_mtime_ns
    build(two, seed=1, count=10, workers=1, shard=4)
    assert set_bytes(two) == whole
    assert (two / names[1]).stat().st_mtime_ns == kept


def test_built_scenes_are_those_of_their_numbers(tmp_path: Path) -> None:
    build(tmp_path, seed=1, count=10, workers=1, shard=4)
    pictures = RecordSet.open(tmp_path, "pictures")
    assert pictures.manifest.licences == {"Apache-2.0": 10} and pictures.manifest.sources == {"noto-emoji": 10}
    for number, built in enumerate(pictures):
        scene = draw_scene(WORLD, 1, number)
        assert isinstance(built, Picture) and built.caption == scene.caption
        assert np.array_equal(built.pixels, scene.pixels)


def test_build_refuses_a_folder_begun_with_another_seed(tmp_path: Path) -> None:
    build(tmp_path, seed=1, count=2, workers=1)
    with pytest.raises(OutputError, match="seed 1 there and 2 here"):
        build(tmp_path, seed=2, count=2, workers=1)


def test_sheet_shows_the_scenes() -> None:
    sheet = contact_sheet([(scene.caption, Image.fromarray(scene.pixels)) for scene in SCENES[:9]])
    assert sheet.size == (8 * 136, 2 * 170)
    shown = sheet.crop((4, 4, 132, 132)).resize((64, 64), Image.Resampling.BOX)
    difference = np.asarray(shown, int) - SCENES[0].pixels
    assert np.abs(difference).mean() < 8
