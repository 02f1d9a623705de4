"""What scenes show and how it is said: facts, captions, the lexicon and the prompts for evaluation."""

import itertools
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from dalle_mini.text.lexicon import Lexicon
from recipes.world import captions, prompts
from recipes.world.captions import Phrase, wording
from recipes.world.facts import (
    LIVING,
    SIZES,
    Facts,
    can_be_first,
    can_be_second,
    draw_facts,
    hash_share,
    is_held_out,
    labels,
)
from recipes.world.grammar import indefinite, plural
from recipes.world.vocabulary import read_lexicon, release, vocabulary
from recipes.world.world import HERE, WorldConfig, load_world

WORLD = load_world(WorldConfig(things="popular"))


@cache
def all_facts(count: int) -> list[Facts]:
    return [draw_facts(WORLD, Random(f"test {n}")) for n in range(count)]


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.tsv"
    path.write_text(release(WORLD), encoding="utf-8")
    return Lexicon.from_file(path)


def test_held_out_shares_are_as_stated() -> None:
    colored = [Facts((thing,), color=color) for thing in WORLD.things for color in WORLD.colors]
    placed = [Facts((thing,), background=at) for thing in WORLD.things for at in WORLD.backgrounds]
    assert 0.07 < np.mean([is_held_out(WORLD, facts) for facts in colored]) < 0.13
    assert 0.06 < np.mean([is_held_out(WORLD, facts) for facts in placed]) < 0.10


def test_hold_out_never_moves() -> None:
    """Frozen values: a change would leak evaluation scenes into later training sets."""
    assert hash_share("attribute", "cat", "red") == pytest.approx(0.3032757510, abs=1e-9)
    assert hash_share("relation", "riding", "cat", "horse") == pytest.approx(0.4478658411, abs=1e-9)


def test_order_matters_only_where_the_relation_has_one() -> None:
    for first, second in itertools.combinations(list(WORLD.things)[:30], 2):
        ahead = Facts((first, second), relation="next to")
        back = Facts((second, first), relation="next to")
        assert is_held_out(WORLD, ahead) == is_held_out(WORLD, back)


def test_things_turn_up_about_equally_often() -> None:
    counts = Counter(thing for facts in all_facts(20_000) for thing in facts.things)
    assert set(counts) == set(WORLD.things)
    often = np.array(sorted(counts.values()))
    assert often[len(often) // 20] > 0.5 * np.median(often)
    # Hats and the few things that are ridden are needed more often than anything else.
    assert often[-len(often) // 10] < 2 * np.median(often)


def test_every_field_is_well_represented() -> None:
    counts = Counter((field, value) for facts in all_facts(20_000) for field, value in labels(facts).items())
    for field, names in (
        ("relation", WORLD.relations), ("background", WORLD.backgrounds), ("style", WORLD.styles), ("size", SIZES),
        ("attribute", [*WORLD.colors, *(f"of {name}" for name in WORLD.materials)]),
    ):  # fmt: skip
        assert min(counts[field, name] for name in names) > 60, field


def test_relations_suit_their_things() -> None:
    for facts in all_facts(5000):
        if facts.relation:
            first, second = (WORLD.things[name] for name in facts.things)
            assert first is not second
            assert can_be_first(first, facts.relation) and can_be_second(second, facts.relation)
            if facts.relation == "eating":
                assert first.kind in LIVING and second.kind == "food"
        assert not (facts.color and facts.material)
        assert not facts.size or (facts.count == 1 and not facts.relation)


def test_labels_name_what_the_scene_has() -> None:
    assert labels(Facts(("cat",))) == {"thing": "cat", "count": "1"}
    full = Facts(("cat", "hat"), material="cheese", background="beach", style="neon", relation="wearing")
    assert labels(full) == {
        "thing": "cat", "second": "hat", "relation": "wearing", "attribute": "of cheese", "background": "beach",
        "style": "neon",
    }  # fmt: skip


def test_captions_are_short_clean_text() -> None:
    written = [captions.write(WORLD, facts, Random(number)) for number, facts in enumerate(all_facts(5000))]
    assert all(caption == " ".join(caption.split()) for caption in written)
    assert 24 < float(np.median([len(caption) for caption in written])) <= 36
    assert max(len(caption) for caption in written) < 170


def test_stories_say_nothing_of_the_picture(lexicon: Lexicon) -> None:
    told = [captions.chattered("", Random(number)).strip(" ,") for number in range(3000)]
    assert len(set(told)) > 1500
    assert {story: read for story in told if (read := dict(lexicon.read(story).labels))} == {}


def test_articles_fit_their_nouns() -> None:
    for number, facts in enumerate(all_facts(5000)):
        words = captions.phrase(WORLD, facts, Random(number)).split(" ")
        for article, following in itertools.pairwise(words):
            if article in ("a", "an"):
                assert article == indefinite(following), words


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("apple", "an"),
        ("unicorn", "a"),
        ("ufo", "a"),
        ("umbrella", "an"),
        ("x-ray", "an"),
        ("cat", "a"),
        ("hour", "an"),
    ],
)
def test_indefinite_articles(word: str, article: str) -> None:
    assert indefinite(word) == article


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("fox", "foxes"),
        ("puppy", "puppies"),
        ("monkey", "monkeys"),
        ("mouse", "mice"),
        ("computer mouse", "computer mice"),
    ],
)
def test_plurals(noun: str, many: str) -> None:
    assert plural(WORLD.plurals, noun) == many


def test_emoji_captions_say_all_or_nothing() -> None:
    assert captions.emoji(WORLD, Facts(("kangaroo",), material="cheese")) == "🦘🧀"
    assert captions.emoji(WORLD, Facts(("cat",), count=2)) == "🐱🐱"
    assert captions.emoji(WORLD, Facts(("cat",), color="red")) == ""
    assert captions.emoji(WORLD, Facts(("cat",), size="tiny")) == ""


def test_a_typo_changes_one_word_only() -> None:
    for number in range(200):
        words = "purple elephant wearing a crown".split()
        slipped = captions.misspelled(" ".join(words), Random(number)).split()
        assert sum(a != b for a, b in zip(words, slipped, strict=True)) <= 1


def test_words_stand_for_one_thing_only() -> None:
    counts = Counter(word for thing in load_world().things.values() for word in thing.words)
    assert [word for word, count in counts.items() if count > 1] == []


def test_lexicon_is_large_sorted_and_leads_somewhere() -> None:
    rows = read_lexicon()
    assert len({word for word, *_ in rows}) >= 10_000
    assert (HERE / "lexicon.tsv").stat().st_size < 800_000
    lines = (HERE / "lexicon.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == sorted(lines)
    assert all(1 <= len(targets) <= 4 and weight > 0 for _, _, targets, weight in rows)
    world = load_world()
    known = len(vocabulary(world).rows)
    assert known > 0.98 * len(rows)
    assert len(vocabulary(WORLD).rows) > 0.9 * len(rows)


@pytest.mark.parametrize(
    ("word", "kind", "target"),
    [
        ("tabby", "thing", "cat"), ("dalmatian", "thing", "dog"), ("trout", "thing", "fish"),
        ("cheddar", "material", "cheese"), ("mahogany", "material", "wood"), ("granite", "material", "stone"),
        ("crimson", "color", "red"), ("dusk", "background", "sunset"), ("sedan", "thing", "car"),
    ],
)  # fmt: skip
def test_lexicon_knows(word: str, kind: str, target: str) -> None:
    plain = {"dusk": WORLD.backgrounds["sunset"]["nouns"], "crimson": WORLD.colors["red"]["words"]}
    found = [row.target for row in vocabulary(WORLD).rows if row.word == word and row.kind == kind]
    assert found == [target] or word in plain.get(word, ())


def test_captions_use_the_lexicon() -> None:
    words = {row.word for row in vocabulary(WORLD).rows if row.kind == "thing"}
    facts = [facts for facts in all_facts(3000) if facts.count == 1]
    used = [
        any(
            f" {word} " in f" {captions.phrase(WORLD, each, Random(n))} "
            for word in words & set(captions.phrase(WORLD, each, Random(n)).split())
        )
        for n, each in enumerate(facts)
    ]
    assert np.mean(used) > 0.15


def test_reading_a_clean_caption_gives_its_labels(lexicon: Lexicon) -> None:
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong = []
    for number, facts in enumerate(all_facts(4000)):
        caption = Phrase(WORLD, facts, Random(number)).text()
        found, expected = dict(lexicon.read(caption).labels), labels(facts)
        for field, value in expected.items():
            total[field] += 1
            right[field] += found.get(field) == value
            if found.get(field) != value:
                wrong.append((field, value, found.get(field), caption))
        # Nothing is read that the caption does not say.
        for field in found.keys() - expected.keys():
            total[f"no {field}"] += 1
            wrong.append((f"no {field}", found[field], caption))
    for field in ("thing", "second", "relation", "attribute", "count", "background", "style", "size"):
        assert right[field] >= 0.97 * total[field], [each for each in wrong if each[0] == field][:20]
    assert sum(total[field] for field in total if field.startswith("no ")) < 0.03 * 4000, wrong[-40:]


def test_natural_prompts_are_written_by_no_rule() -> None:
    natural = prompts.read_prompts(HERE / "natural.tsv")
    assert len(natural) == len({prompt for prompt, _ in natural}) == 200
    world = load_world()
    for prompt, named in natural:
        assert named["thing"] in world.things, prompt
        assert named.get("second", "cat") in world.things, prompt
        assert named.get("relation", "riding") in world.relations, prompt
        assert named.get("background", "space") in world.backgrounds, prompt
        assert named.get("style", "neon") in world.styles, prompt
    written = {captions.write(WORLD, facts, Random(n)).lower().strip(".!") for n, facts in enumerate(all_facts(20_000))}
    assert not written & {prompt.lower().strip(".!") for prompt, _ in natural}


@pytest.mark.parametrize("kind", prompts.KINDS)
def test_prompts_hold_what_their_kind_says(kind: str, tmp_path: Path) -> None:
    found = list(prompts.prompts(WORLD, kind, 40, seed=5))
    assert len({prompt for prompt, _ in found}) == 40
    path = tmp_path / "prompts.tsv"
    path.write_text("".join(prompts.line(*each) for each in found), encoding="utf-8")
    assert prompts.read_prompts(path) == found
    field = {"single": "thing", "synonym": "thing"}.get(kind, kind.removesuffix("-held-out"))
    assert all(field in named for _, named in found)
    for _, named in found:
        held_out = is_held_out(WORLD, facts_of(named))
        assert held_out == kind.endswith("-held-out")


def facts_of(named: dict[str, str]) -> Facts:
    """The labels as a scene."""
    attribute = named.get("attribute", "")
    material = attribute.removeprefix("of ") if attribute.startswith("of ") else ""
    return Facts(
        (named["thing"], named["second"]) if "second" in named else (named["thing"],),
        color="" if material else attribute,
        material=material,
        background=named.get("background", ""),
        relation=named.get("relation", ""),
    )


def test_every_look_has_its_words() -> None:
    assert set(wording().relations) == set(WORLD.relations)
    assert len(WORLD.colors) == 12 and len(WORLD.materials) == 14
    assert len(WORLD.backgrounds) == 27 and len(WORLD.styles) == 14
    assert all(entry["words"] and entry["nouns"] and entry["before"] for entry in WORLD.backgrounds.values())
