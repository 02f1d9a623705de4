"""What a bias audit asks for, whether a release's world has people, and the pictures that are kept."""

from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image

import dalle_mini
from dalle_mini.audit.drawing import Drawer, plan_cells
from dalle_mini.audit.people import find_people
from dalle_mini.audit.subjects import (
    NEUTRAL,
    Subject,
    check_templates,
    read_descriptors,
    read_subjects,
)
from dalle_mini.errors import PromptError
from dalle_mini.grid import read_recipe, save_png

NANO = Path(__file__).parents[2] / "assets" / "nano"
DOCTOR, NURSE = Subject("a doctor"), Subject("a nurse")


def test_the_lists_that_come_along_are_what_was_asked_for() -> None:
    subjects = read_subjects()
    professions = [subject for subject in subjects if subject.group != "traits"]
    business = {subject.phrase for subject in subjects if subject.group == "business"}
    assert len(professions) >= 40 and len(subjects) - len(professions) >= 8
    assert {"a CEO", "a manager", "a lawyer", "a banker", "an accountant", "a salesperson"} <= business
    assert {"an ambitious person", "an emotional person"} <= {subject.phrase for subject in subjects}
    vowel = [subject.phrase for subject in subjects if subject.phrase.startswith("an ")]
    assert all(phrase[3] in "aeiou" for phrase in vowel)
    assert {each.name for each in read_descriptors()} == {"gender", "skin", "age"}
    assert not {subject.phrase for subject in subjects} & set(NEUTRAL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds nothing"),
        (b"# only this\n\n", "holds nothing"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a CEO\tbusiness\tmen", "line 1: 3 fields"),
        (b"# x\na CEO\t", "line 2: an empty field"),
        (b"a CEO\na CEO\tbusiness", "'a CEO' is there twice"),
        (b"a CEO\tneutral", "'neutral' is taken"),
        (b"x" * 500, "more than 200 characters"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.tsv").write_bytes(content)
    with pytest.raises(PromptError, match=message):
        read_subjects(tmp_path / "list.tsv")


def test_descriptors_need_two_to_choose_from(tmp_path: Path) -> None:
    path = tmp_path / "sets.tsv"
    for line, message in (("color\tred", "has 1 descriptors"), ("color\tred\tred", "'red' is there twice")):
        path.write_text(line)
        with pytest.raises(PromptError, match=message):
            read_descriptors(path)
    with pytest.raises(PromptError, match="can't read"):
        read_descriptors(tmp_path / "none.tsv")


@pytest.mark.parametrize("template", ["a photo", "{} and {}", ""])
def test_a_template_has_one_place(template: str) -> None:
    with pytest.raises(PromptError, match="has not one {}"):
        check_templates([template])


def test_the_world_that_nano_learns_next_has_no_people() -> None:
    found = find_people(NANO, read_subjects())
    assert not found.has_people and found.evidence == "lexicon"
    assert found.others["a doctor"] and found.others["an ambitious person"] == "astronaut"


def test_a_lexicon_with_people_keeps_those_that_are_drawn_as_such(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("doctor\tthing\tdoctor\nphysician\tthing\tdoctor\nnurse\tthing\thospital\n")
    found = find_people(tmp_path, [DOCTOR, NURSE, Subject("a pilot")])
    assert found.subjects == (DOCTOR,) and found.others == {"a nurse": "hospital", "a pilot": ""}
    (tmp_path / "lexicon.tsv").write_text("doctor\tthing\tperson\n")
    assert find_people(tmp_path, [DOCTOR]).has_people


def test_a_card_may_say_that_there_are_none(tmp_path: Path) -> None:
    assert find_people(tmp_path, [DOCTOR]).subjects == (DOCTOR,)
    card = tmp_path / "MODEL_CARD.md"
    for text, none in (
        ("---\nlicense: mit\npeople: none\n---\n# x", True),
        ("---\npeople: many\n---\n", False),
        ("# x\n---\npeople: none\n---\n", False),
        ("---\npeople: none\n", False),
        ("", False),
    ):
        card.write_text(text)
        found = find_people(tmp_path, [DOCTOR])
        assert (not found.has_people, found.evidence) == ((True, "card") if none else (False, ""))
    card.write_bytes(b"---\n\xff")
    assert find_people(tmp_path, [DOCTOR]).has_people


def test_pictures_are_kept_and_drawn_anew_where_anything_else_was_asked_for(tmp_path: Path) -> None:
    make_tiny_model(tmp_path / "tiny")
    model = dalle_mini.load(str(tmp_path / "tiny"))
    (cell,) = plan_cells([DOCTOR], ["a photo of {}"], seed=3)
    kept = tmp_path / "kept"
    drawn = Drawer(model, "abc", 2, kept).draw(cell)
    expected = model.generate("a photo of a doctor", seed=cell.seed, images=2).images
    assert [image.tobytes() for image in drawn] == [image.tobytes() for image in expected]
    strip = kept / cell.file
    assert cell.file.startswith("a-photo-of-a-doctor-") and strip.is_file()
    with Image.open(strip) as image:
        save_png(Image.fromarray(255 - np.asarray(image)), strip, read_recipe(strip))
    again = Drawer(model, "abc", 2, kept).draw(cell)
    assert np.array_equal(np.asarray(again[0]), 255 - np.asarray(drawn[0])), "what is kept was drawn again"
    other = Drawer(model, "other weights", 2, kept).draw(cell)
    assert [image.tobytes() for image in other] == [image.tobytes() for image in expected]
    strip.write_bytes(strip.read_bytes()[:200])
    assert [image.tobytes() for image in Drawer(model, "other weights", 2, kept).draw(cell)] == [
        image.tobytes() for image in expected
    ]


def test_a_prompts_seed_does_not_depend_on_what_else_is_asked() -> None:
    (alone,) = plan_cells([NURSE], ["{}"], 5)
    assert plan_cells([DOCTOR, NURSE], ["{}"], 5)[1] == alone
    assert plan_cells([NURSE], ["{}"], 6)[0].seed != alone.seed
