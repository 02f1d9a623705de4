"""The picture world's scenes: they repeat, show what the facts say, and stay inside the picture."""

from dataclasses import replace
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
from recipes.world import backgrounds
from recipes.world.build import Series, build, origin
from recipes.world.compose import paint_at_once, paint_in_turn
from recipes.world.facts import Facts, is_held_out
from recipes.world.gallery import open_gallery
from recipes.world.layout import BOXES, CELL, HALF_CELL, NEEDS, SIDE, Actor, Spot, arrange, at_mouth, cast, on_head
from recipes.world.plan import Plan, draw_plan, stacked
from recipes.world.scenes import BATCH, draw_as, draw_scene, draw_scenes, outline, paint_plans
from recipes.world.sheet import EVERY, examples
from recipes.world.styles import STYLES
from recipes.world.textures import TILES
from recipes.world.world import Drawing, Thing, WorldConfig, load_world

CONFIG = WorldConfig("popular", ("noto", "flat"))
WORLD = load_world(CONFIG)
GALLERY = open_gallery(WORLD, 64)
SERIES = Series(1, config=CONFIG)


def planned(facts: Facts, seed: str = "0") -> Plan:
    random = Random(seed)
    return draw_plan(WORLD, GALLERY, facts, cast(WORLD, facts, random), random)


def all_facts(copies: int) -> list[Facts]:
    """Facts of every kind, each several times."""
    every = [facts for kind in EVERY for _, facts in examples(WORLD, kind, 0, copies)]
    more = [Facts((name,), count=2 + number % 2) for number, name in enumerate(WORLD.things)]
    return every + more + [replace(facts, count=1, size=("tiny", "giant")[n % 2]) for n, facts in enumerate(more)]


def test_scenes_repeat_in_any_order_and_number() -> None:
    ahead = list(draw_scenes(WORLD, 3, range(BATCH + 3)))
    back = list(draw_scenes(WORLD, 3, reversed(range(BATCH + 3))))[::-1]
    for index in (0, 1, BATCH, BATCH + 2):
        for other in (back[index], draw_scene(WORLD, 3, index)):
            assert (ahead[index].caption, ahead[index].facts) == (other.caption, other.facts)
            assert np.array_equal(ahead[index].pixels, other.pixels)
    assert len({scene.pixels.tobytes() for scene in [*ahead, *draw_scenes(WORLD, 4, range(BATCH))]}) > 60


def test_held_out_scenes_hold_such_a_combination_and_others_none() -> None:
    for held_out in (False, True):
        drawn = [outline(WORLD, GALLERY, 0, index, held_out) for index in range(100)]
        assert all(is_held_out(WORLD, each.facts) == held_out for each in drawn)


@pytest.mark.parametrize("held_out", [False, True])
def test_kin_are_alike_but_for_one_thing(held_out: bool) -> None:
    kin = 4
    drawn = [outline(WORLD, GALLERY, 0, index, held_out, kin) for index in range(60 * kin)]
    assert all(is_held_out(WORLD, each.facts) == held_out for each in drawn)
    for first, *others in zip(*(iter(drawn),) * kin, strict=True):
        for other in others:
            assert replace(other.facts, things=first.facts.things) == first.facts
            pairs = zip(first.facts.things, other.facts.things, strict=True)
            assert sum(one != another for one, another in pairs) == 1
    assert len({drawn[place].facts for place in range(0, len(drawn), kin)}) > 50
    assert {len(each.facts.things) for each in drawn} == {1, 2}


def test_painting_at_once_and_in_turn_agree() -> None:
    """In every style, material and relation; rounding may tip the last bit."""
    shown = [facts for kind in ("style", "material", "relation") for _, facts in examples(WORLD, kind, 0, 1)]
    plans = stacked([planned(facts, str(n)) for n, facts in enumerate(shown)])
    styles = tuple(WORLD.styles)
    turn = np.asarray(paint_in_turn(GALLERY.art, plans, np.int32(len(shown)), styles), np.int32)
    once = np.asarray(paint_at_once(GALLERY.art, plans, styles), np.int32)
    assert np.abs(turn - once).max() <= 1


def test_every_size_shows_the_same_layout() -> None:
    facts = Facts(("cat",), background="field")
    small = draw_as(WORLD, facts, Random("0"), 64)
    assert small.shape == (64, 64, 3) and small.dtype == np.uint8
    large = Image.fromarray(draw_as(WORLD, facts, Random("0"), 96)).resize((64, 64), Image.Resampling.BOX)
    assert np.abs(np.asarray(large, int) - small).mean() < 8


@pytest.mark.parametrize("kind", EVERY)
def test_all_of_a_kind_look_different(kind: str) -> None:
    drawn = {}
    for name, facts in examples(WORLD, kind, 0, 1):
        if kind != "relation":
            facts = replace(facts, things=("cat",), background=name if kind == "background" else "")
        drawn[name] = draw_as(WORLD, facts, Random("same")).astype(int)
    for first in drawn:
        for second in drawn:
            assert first == second or np.abs(drawn[first] - drawn[second]).mean() > 1.5, (first, second)


def test_painters_and_the_table_name_the_same() -> None:
    assert set(backgrounds.PAINTERS) == set(WORLD.backgrounds)
    assert set(STYLES) == set(WORLD.styles)
    assert set(TILES) == set(WORLD.materials)


def test_every_place_has_as_many_pictures_as_it_says() -> None:
    for name in WORLD.backgrounds:
        pictures = {backgrounds.place(name, variant, 64).tobytes() for variant in range(backgrounds.VARIANTS)}
        assert len(pictures) == backgrounds.VARIANTS, name


def test_tiles_repeat_without_a_seam() -> None:
    """The step over the edge is no larger than steps inside."""
    for name, tile in zip(GALLERY.materials, np.asarray(GALLERY.art.tiles, int), strict=True):
        for axis in (0, 1):
            inside = np.abs(np.diff(tile, axis=axis)).mean((1 - axis, 2)).max()
            seam = np.abs(tile.take(0, axis) - tile.take(-1, axis)).mean()
            assert seam <= 1.3 * inside + 2, name


def test_boxes_stand_on_the_grid_inside_the_picture() -> None:
    for number, facts in enumerate(all_facts(6)):
        random = Random(number)
        actors = cast(WORLD, facts, random)
        for place, spot in enumerate(arrange(WORLD, facts, actors, random)):
            step = HALF_CELL if facts.relation in ("wearing", "eating") and place == 1 else CELL
            assert spot.size in BOXES and spot.x % step == spot.y % step == 0, facts
            assert 0 <= spot.x <= SIDE - spot.size and 0 <= spot.y <= SIDE - spot.size, facts


def test_drawings_lie_inside_the_picture() -> None:
    for number, facts in enumerate(all_facts(3)):
        left, top, width, height = planned(facts, str(number)).box.T
        assert (left >= 0).all() and (top >= 0).all() and (left + width <= 64).all() and (top + height <= 64).all()


def test_tiny_is_small_and_giant_fills_the_picture() -> None:
    tiny, plain, giant = (planned(Facts(("cat",), size=size)).box[0, 2:].max() for size in ("tiny", "", "giant"))
    assert tiny * 1.8 < plain < giant and giant > 60


def actor(mirrored: bool) -> Actor:
    thing = Thing("wug", (), ("wug",), "", "animal")
    return Actor(thing, Drawing("noto/wug", head=(0.2, 0.3, 0.4), mouth=(0.1, 0.5)), 1.0, 1.0, mirrored)


def test_anchors_turn_with_the_drawing() -> None:
    spot, hat = Spot(8, 16, 48), actor(False)
    for place in (lambda wearer: on_head(wearer, hat, spot), lambda eater: at_mouth(eater, spot)):
        box, turned = place(actor(False)), place(actor(True))
        assert box.x + box.size / 2 < SIDE / 2 < turned.x + turned.size / 2
        assert box.y == turned.y and abs((SIDE - turned.x - turned.size) - box.x) <= HALF_CELL


def test_a_hat_with_straps_sits_lower() -> None:
    hat = actor(False)
    strapped = replace(hat, drawing=replace(hat.drawing, brim=0.5))
    tall = Spot(8, 32, 32)
    assert on_head(actor(False), strapped, tall).y > on_head(actor(False), hat, tall).y


def test_actors_can_do_what_the_relation_asks() -> None:
    for number, (relation, facts) in enumerate(examples(WORLD, "relation", 0, 10)):
        for one, need in zip(cast(WORLD, facts, Random(number)), NEEDS.get(relation, ("", "")), strict=True):
            assert not need or getattr(one.drawing, need) is not None


def test_both_things_of_a_pair_stay_visible_and_meet() -> None:
    for number, (relation, facts) in enumerate(examples(WORLD, "relation", 0, 10)):
        below, above = (mask(planned(facts, str(number)), layer) for layer in range(2))
        assert (below & above).sum() < 0.6 * below.sum(), facts
        if relation not in ("next to", "in front of"):
            near = [np.roll(above, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)]
            assert (np.any(near, axis=0) & below).any(), facts


def mask(plan: Plan, layer: int) -> np.ndarray:
    """Where one layer covers the picture, read from the art without `compose`."""
    left, top, width, height = plan.box[layer]
    start = plan.offset[layer]
    alpha = (np.asarray(GALLERY.art.drawings)[start : start + width * height] >> 24).reshape(height, width) > 128
    covered = np.zeros((64, 64), bool)
    covered[top : top + height, left : left + width] = alpha[:, ::-1] if plan.mirrored[layer] else alpha
    return covered


def test_colors_are_told_apart() -> None:
    """The middle of a recolored heart is nearest to its own color."""
    palette = {name: np.array(color["rgb"]) for name, color in WORLD.colors.items()}
    for name in palette:
        pixels = draw_as(WORLD, Facts(("heart",), color=name, background="plain white"), Random(0))
        middle = np.median(pixels[20:40, 24:40].reshape(-1, 3), axis=0)
        assert min(palette, key=lambda other: float(np.abs(palette[other] - middle).sum())) == name


def test_a_place_dims_no_thing_beyond_recognition() -> None:
    for name, look in WORLD.backgrounds.items():
        assert min(look.get("light", (1,))) > 0.8, name


def set_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_build_is_the_same_with_any_workers_and_resumes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    build(one, SERIES, 10, workers=1, shard=4)
    build(two, SERIES, 10, workers=2, shard=4)
    whole = set_bytes(one)
    names = ["manifest.json", *(f"pictures-0000{number}.array_record" for number in range(3))]
    assert set_bytes(two) == whole and sorted(whole) == names

    # As if stopped while the second shard was written, and the third had been damaged.
    write_manifest(two / "unfinished.json", read_manifest(two / "manifest.json").plan)
    (two / "manifest.json").unlink()
    (two / names[2]).unlink()
    (two / names[3]).write_bytes(b"cut short")
    kept = (two / names[1]).stat().st_mtime_ns
    build(two, SERIES, 10, workers=1, shard=4)
    assert set_bytes(two) == whole
    assert (two / names[1]).stat().st_mtime_ns == kept


def test_built_scenes_are_those_of_their_numbers(tmp_path: Path) -> None:
    build(tmp_path, SERIES, 10, workers=1, shard=4)
    pictures = RecordSet.open(tmp_path, "pictures")
    manifest = pictures.manifest
    assert sum(manifest.licences.values()) == sum(manifest.sources.values()) == 10
    assert manifest.settings["things"] == "popular" and manifest.settings["sets"] == ["noto", "flat"]
    for number, built in enumerate(pictures):
        scene = draw_scene(WORLD, 1, number)
        assert isinstance(built, Picture) and built.caption == scene.caption
        assert np.array_equal(built.pixels, scene.pixels)
        assert (built.licence, built.source) == origin(scene.drawings)


def test_built_kin_are_those_of_their_numbers(tmp_path: Path) -> None:
    build(tmp_path, replace(SERIES, kin=3), 7, workers=1, shard=4)
    pictures = RecordSet.open(tmp_path, "pictures")
    assert pictures.manifest.settings["kin"] == 3
    for built, scene in zip(pictures, draw_scenes(WORLD, 1, range(7), kin=3), strict=True):
        assert isinstance(built, Picture) and built.caption == scene.caption
        assert np.array_equal(built.pixels, scene.pixels)


def test_a_scene_has_the_licences_of_its_drawings() -> None:
    assert origin(("noto/cat",)) == ("Apache-2.0", "noto-emoji")
    assert origin(("noto/cat", "twemoji/dog")) == ("Apache-2.0 AND CC-BY-4.0", "noto-emoji+twemoji")


def test_build_refuses_a_folder_begun_with_another_seed(tmp_path: Path) -> None:
    build(tmp_path, SERIES, 2, workers=1)
    with pytest.raises(OutputError, match="seed 1 there and 2 here"):
        build(tmp_path, replace(SERIES, seed=2), 2, workers=1)


def test_sheet_shows_the_scenes() -> None:
    scenes = list(draw_scenes(WORLD, 0, range(9)))
    sheet = contact_sheet([(scene.caption, Image.fromarray(scene.pixels)) for scene in scenes])
    assert sheet.size == (8 * 136, 2 * 170)
    shown = sheet.crop((4, 4, 132, 132)).resize((64, 64), Image.Resampling.BOX)
    assert np.abs(np.asarray(shown, int) - scenes[0].pixels).mean() < 8


def test_paint_plans_paints_as_many_as_it_is_given() -> None:
    plans = [planned(Facts(("cat",)), str(n)) for n in range(3)]
    assert paint_plans(WORLD, GALLERY, plans).shape == (3, 64, 64, 3)
