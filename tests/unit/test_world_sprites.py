"""The drawings of the picture world: packed, licensed, annotated, and chosen by a config."""

import io
import json
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dalle_mini.errors import ConfigError, DataError
from recipes.world.fetch import from_assets, manifest_of, rasterize, sources
from recipes.world.packs import names_in, pack, unpack
from recipes.world.world import HERE, SETS, Drawing, WorldConfig, load_world

WORLD = load_world()
ART = tomllib.loads((HERE / "world.toml").read_text(encoding="utf-8"))["sets"]
MANIFEST = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
DRAWINGS = [drawing for thing in WORLD.things.values() for drawing in thing.drawings]
KINDS = {"animal", "character", "vehicle", "place", "plant", "food", "object", "sky"}


def test_the_manifest_lists_exactly_what_is_packed_and_used() -> None:
    packed = {f"{art}/{name}" for art in SETS for name in names_in(HERE / "drawings" / f"{art}.zip")}
    listed = [entry["name"] for entry in MANIFEST]
    assert set(listed) == packed == {drawing.name for drawing in DRAWINGS}
    assert len(listed) == len(set(listed))


def test_every_drawing_has_its_set_and_a_licence_that_lies_beside() -> None:
    assert tuple(ART) == SETS
    for entry in MANIFEST:
        art = ART[entry["name"].split("/")[0]]
        assert entry["package"] == art["package"] and entry["version"] == art["version"]
        assert entry["license"] == art["license"] and entry["author"] == art["author"]
        assert (HERE / entry["license_file"]).stat().st_size > 1000


def test_licences_and_notices_are_those_that_the_authors_ask_for() -> None:
    licenses = HERE / "licenses"
    texts = {path.name: " ".join(path.read_text(encoding="utf-8").split()) for path in licenses.iterdir()}
    assert "Copyright (c) Microsoft Corporation" in texts["MIT.txt"] and "free of charge" in texts["MIT.txt"]
    assert "Attribution 4.0 International Public License" in texts["CC-BY-4.0.txt"]
    assert "Apache License Version 2.0" in texts["Apache-2.0.txt"]
    notice = texts["NOTICE"]
    assert "Copyright Twitter, Inc and other contributors, graphics licensed under CC-BY 4.0" in notice
    for art in ART.values():
        assert all(art[key] in notice for key in ("title", "version", "package", "author")), art


def test_packs_are_small_enough_for_the_repository() -> None:
    sizes = [path.stat().st_size for path in (HERE / "drawings").iterdir()]
    assert len(sizes) == len(SETS)
    assert max(sizes) < 10e6 and sum(sizes) < 15e6


def test_things_are_many_and_drawn_in_at_least_two_sets() -> None:
    assert len(WORLD.things) >= 320
    for thing in WORLD.things.values():
        assert len({drawing.name.split("/")[0] for drawing in thing.drawings}) >= 2, thing.name
        assert thing.kind in KINDS and thing.emoji


def test_no_drawing_stands_for_two_things() -> None:
    names = sorted(drawing.name for drawing in DRAWINGS)
    assert all(first != second for first, second in pairwise(names))


def test_every_drawing_shows_something_of_a_fair_size() -> None:
    for name, picture in WORLD.sprites.items():
        assert picture.mode == "RGBA" and max(picture.size) <= 128
        alpha = np.asarray(picture.getchannel("A"))
        assert (alpha > 128).sum() > 1000, name
        assert alpha[0].any() and alpha[-1].any() and alpha[:, 0].any() and alpha[:, -1].any(), name


def test_places_that_others_touch_lie_within_the_drawing() -> None:
    for drawing in DRAWINGS:
        for point in (drawing.head, drawing.seat, drawing.mouth):
            assert point is None or all(0 <= value <= 1 for value in point[:2]), drawing
        assert 0.5 < drawing.brim <= 1
        assert drawing.head is None or 0.1 < drawing.head[2] <= 1, drawing


@pytest.mark.parametrize("place", ["head", "seat", "mouth"])
def test_places_that_others_touch_are_near_something_drawn(place: str) -> None:
    for drawing in DRAWINGS:
        point = getattr(drawing, place)
        if point is not None:
            assert touches(drawing, point[:2]), drawing


def touches(drawing: Drawing, point: tuple[float, float]) -> bool:
    """Whether something is visible within a sixth of the drawing's longer side."""
    alpha = np.asarray(WORLD.sprites[drawing.name].getchannel("A"))
    height, width = alpha.shape
    x, y, reach = round(point[0] * width), round(point[1] * height), max(height, width) // 6
    return bool((alpha[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach] > 128).any())


def test_what_may_be_ridden_has_a_seat_and_animals_have_a_mouth() -> None:
    for thing in WORLD.things.values():
        if thing.rideable:
            assert any(drawing.seat for drawing in thing.drawings), thing.name
    animals = [thing for thing in WORLD.things.values() if thing.kind in ("animal", "character")]
    for place in ("head", "mouth"):
        having = [any(getattr(drawing, place) for drawing in thing.drawings) for thing in animals]
        assert sum(having) > 0.95 * len(having)


def test_only_what_is_worn_has_a_brim() -> None:
    brims = {thing.name for thing in WORLD.things.values() for drawing in thing.drawings if drawing.brim < 1}
    assert brims == {"army helmet", "helmet", "graduation cap", "sun hat"}
    assert all(WORLD.things[name].worn for name in brims)


def test_popular_things_are_128_with_mounts_and_hats_among_them() -> None:
    popular = load_world(WorldConfig(things="popular"))
    assert len(popular.things) == 128
    assert all(thing.popular for thing in popular.things.values())
    assert sum(thing.worn for thing in popular.things.values()) >= 3
    assert sum(thing.rideable for thing in popular.things.values()) >= 15
    assert {"cat", "avocado", "chair", "kangaroo", "cheese", "hat"} <= set(popular.things)


@pytest.mark.parametrize("art", SETS)
def test_one_set_draws_only_its_own(art: str) -> None:
    world = load_world(WorldConfig(sets=(art,)))
    assert world.sprites and all(name.startswith(f"{art}/") for name in world.sprites)
    assert all(thing.drawings for thing in world.things.values())
    assert set(world.sprites) == {drawing.name for thing in world.things.values() for drawing in thing.drawings}


def test_things_without_a_drawing_in_the_sets_are_left_out() -> None:
    assert "harp" in WORLD.things
    assert "harp" not in load_world(WorldConfig(sets=("flat", "3d"))).things


def test_a_world_is_read_once() -> None:
    assert load_world() is WORLD
    assert load_world(WorldConfig(sets=("flat",))) is load_world(WorldConfig(sets=("flat",)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"things": "some"}, "things is 'some'"),
        ({"sets": ()}, "sets is ()"),
        ({"sets": "noto"}, "sets is 'noto'"),
        ({"sets": ("noto", "blobs")}, "'blobs'"),
        ({"sets": ("noto", "noto")}, "twice"),
    ],
)
def test_a_wrong_choice_is_refused_with_a_hint(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("()", r"\(\)")) as caught:
        WorldConfig(**settings)  # ty: ignore[invalid-argument-type]
    assert caught.value.hint


def test_a_list_of_sets_is_as_good_as_a_tuple() -> None:
    assert WorldConfig(sets=["noto", "3d"]) == WorldConfig(sets=("noto", "3d"))  # ty: ignore[invalid-argument-type]


def disc(color: str) -> Image.Image:
    picture = Image.new("RGBA", (128, 128))
    ImageDraw.Draw(picture).ellipse((10, 20, 90, 100), fill=color)
    return picture


def test_a_pack_keeps_shape_and_color(tmp_path: Path) -> None:
    pictures = {"red": disc("#d02020"), "blue": disc("#2040d0")}
    packed = pack(pictures)
    assert packed == pack(dict(reversed(pictures.items())))
    (tmp_path / "some.zip").write_bytes(packed)
    assert names_in(tmp_path / "some.zip") == ["blue", "red"]
    (found,) = unpack(tmp_path / "some.zip", ["red"]).values()
    expected = pictures["red"].crop((10, 20, 91, 101))
    assert found.getchannel("A").tobytes() == expected.getchannel("A").tobytes()
    middle = np.asarray(found)[20:60, 20:60, :3].astype(int)
    assert np.abs(middle - (0xD0, 0x20, 0x20)).max() < 12


def test_a_pack_names_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "some.zip").write_bytes(pack({"red": disc("red")}))
    with pytest.raises(DataError, match="'gryphon'"):
        unpack(tmp_path / "some.zip", ["gryphon"])
    (tmp_path / "torn.zip").write_bytes(b"PK torn")
    for name in ("torn", "none"):
        with pytest.raises(DataError, match=name):
            unpack(tmp_path / f"{name}.zip", ["red"])


def test_sources_page_matches_the_manifest() -> None:
    assert (HERE / "SOURCES.md").read_text(encoding="utf-8") == sources(ART, MANIFEST)
    assert MANIFEST == manifest_of(ART, [entry["name"] for entry in MANIFEST])


def test_unknown_drawing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'gryphon'"):
        rasterize({"icons": {}}, "gryphon")
    with pytest.raises(DataError, match="'gryphon'"):
        from_assets(tmp_path)("gryphon")


def test_rasterized_drawing_fills_its_square() -> None:
    pytest.importorskip("resvg_py")
    icons = {"icons": {"block": {"body": '<path fill="#f00" d="M0 0h8v16H0z"/>'}}, "width": 16}
    drawn = rasterize(icons, "block")
    assert drawn.size == (128, 128)
    assert drawn.getpixel((20, 64)) == (255, 0, 0, 255)
    assert drawn.getchannel("A").getpixel((100, 64)) == 0


def test_assets_are_reduced_without_a_dark_fringe(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    buffer = io.BytesIO()
    disc("white").resize((256, 256)).save(buffer, "WEBP", lossless=True)
    (tmp_path / "assets" / "1f600.webp").write_bytes(buffer.getvalue())
    pixels = np.asarray(from_assets(tmp_path)("1f600"))
    assert pixels.shape == (128, 128, 4)
    edge = pixels[(pixels[..., 3] > 40) & (pixels[..., 3] < 200)]
    assert len(edge) and edge[:, :3].min() > 230
