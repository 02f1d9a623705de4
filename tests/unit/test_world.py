"""The picture world: scenes repeat, fit their captions, and keep held-out combinations out."""

import itertools
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
from recipes.world import captions
from recipes.world.build import build
from recipes.world.facts import Facts, draw_facts, hash_share, is_held_out
from recipes.world.scenes import CELL, SIZE, Spot, arrange, compose, corner, draw_scene, picture, suitable
from recipes.world.world import HERE, load_world

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


def test_held_out_shares_are_as_stated() -> None:
    colored = [Facts((thing,), color=color) for thing in WORLD.things for color in WORLD.colors]
    placed = [Facts((thing,), background=at) for thing in WORLD.things for at in WORLD.backgrounds]
    assert 0.06 < np.mean([is_held_out(WORLD, facts) for facts in colored]) < 0.14
    assert 0.05 < np.mean([is_held_out(WORLD, facts) for facts in placed]) < 0.11


def test_hold_out_never_moves() -> None:
    """Frozen values: a change would leak evaluation scenes into later training sets."""
    assert hash_share("attribute", "cat", "red") == pytest.approx(0.3032757510, abs=1e-9)
    assert hash_share("relation", "riding", "cat", "horse") == pytest.approx(0.4478658411, abs=1e-9)


def test_order_matters_only_where_the_relation_has_one() -> None:
    for first, second in itertools.combinations(list(WORLD.things)[:30], 2):
        ahead = Facts((first, second), relation="next to")
        back = Facts((second, first), relation="next to")
        assert is_held_out(WORLD, ahead) == is_held_out(WORLD, back)


def test_captions_mention_every_fact() -> None:
    for number, facts in enumerate(all_facts(3000)):
        caption = f" {captions.phrase(WORLD, facts, Random(number))} "
        for thing in facts.things:
            words = WORLD.things[thing].words
            names = [*words, *(captions.plural(WORLD, word) for word in words)]
            assert any(name in caption for name in names), (thing, caption)
        if facts.color:
            assert any(word in caption for word in WORLD.colors[facts.color]["words"]), caption
        if facts.material:
            material = WORLD.materials[facts.material]
            words = material["words"] + material["adjectives"]
            assert any(word in caption for word in words), caption
        if facts.background in WORLD.backgrounds:
            places = WORLD.backgrounds[facts.background]["words"]
            assert any(word in caption for word in places), caption
        elif facts.background:
            words = WORLD.colors[facts.background.removeprefix("plain ")]["words"]
            assert any(word in caption for word in words), caption
        if facts.style:
            style = WORLD.styles[facts.style]
            assert any(word in caption for word in style["prefixes"] + style["suffixes"]), caption
        if facts.count > 1:
            assert any(f" {word} " in caption for word in captions.NUMBERS[facts.count]), caption
        if facts.relation:
            relations = captions.RELATIONS[facts.relation]
            assert any(f" {word} " in caption for word in relations), caption


def test_captions_are_short_clean_text() -> None:
    written = [scene.caption for scene in SCENES]
    assert all(caption == " ".join(caption.split()) for caption in written)
    assert float(np.median([len(caption) for caption in written])) < 35
    assert max(len(caption) for caption in written) < 120
    assert not any("a orange" in caption or "an red" in caption for caption in written)


def test_emoji_captions_say_all_or_nothing() -> None:
    assert captions.emoji(WORLD, Facts(("kangaroo",), material="cheese")) == "🦘🧀"
    assert captions.emoji(WORLD, Facts(("cat",), count=2)) == "🐱🐱"
    assert captions.emoji(WORLD, Facts(("cat",), color="red")) == ""
    assert captions.emoji(WORLD, Facts(("cat",), material="gold")) == ""


@pytest.mark.parametrize(
    ("noun", "many"),
    [("fox", "foxes"), ("puppy", "puppies"), ("monkey", "monkeys"), ("mouse", "mice")],
)
def test_plurals(noun: str, many: str) -> None:
    assert captions.plural(WORLD, noun) == many


def test_a_typo_changes_one_word_only() -> None:
    for number in range(200):
        words = "purple elephant wearing a crown".split()
        slipped = captions.misspelled(" ".join(words), Random(number)).split()
        assert sum(a != b for a, b in zip(words, slipped, strict=True)) <= 1


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


def test_prompts_are_sixty_and_known_to_the_world() -> None:
    prompts = (HERE / "prompts.txt").read_text(encoding="utf-8").splitlines()
    assert len(prompts) == len(set(prompts)) == 60
    words = {word for thing in WORLD.things.values() for word in thing.words}
    names = words | {captions.plural(WORLD, word) for word in words} | {"coffee"}
    for prompt in prompts:
        assert any(name in prompt.lower() for name in names), prompt


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
