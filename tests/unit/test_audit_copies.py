"""Copies: nearness against plain loops, the nearest against a search of everything, and planted copies are found."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from doubles import CODEBOOK_SIZE, IMAGE_LENGTH, IMAGE_SIZE, make_tiny_clip, make_tiny_model
from PIL import Image
from sets import write_pictures, write_tokens

import dalle_mini
from dalle_mini.audit.copies import Drawing, caption_prompts, check_set, draw_prompts, find_copies, judge
from dalle_mini.audit.copies_page import sort_by_nearness
from dalle_mini.audit.likeness import EMBEDDING, TOKENS, FeatureReader, Features, share_tokens
from dalle_mini.audit.nearest import KEPT, find_nearest
from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.data.encode import Encoder, encode_pictures
from dalle_mini.data.loader import stack_records
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, PromptError
from dalle_mini.ranking import Clip

pytestmark = pytest.mark.usefixtures("quick_compiles")

RECORDS = 90


def draw_tokens(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(CODEBOOK_SIZE, size=(rows, IMAGE_LENGTH), dtype=np.int32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a CLIP, pictures, and the same as tokens."""
    place = tmp_path_factory.mktemp("copies")
    make_tiny_model(place / "tiny")
    make_tiny_clip(place / "clip")
    pixels = np.random.default_rng(0).integers(256, size=(RECORDS, 4, 4, 3), dtype=np.uint8)
    pixels = pixels.repeat(IMAGE_SIZE // 4, axis=1).repeat(IMAGE_SIZE // 4, axis=2)
    pictures = write_pictures(place / "pictures", pixels, [f"picture {index}" for index in range(RECORDS)])
    encoder = Encoder(place / "tiny" / "vqgan", place / "tiny", max_text_length=16, normalize=True)
    encode_pictures(pictures, place / "tokens", encoder)
    return place


@pytest.fixture(scope="module")
def model(place: Path) -> dalle_mini.DalleMini:
    return dalle_mini.load(str(place / "tiny"))


@pytest.fixture(scope="module")
def reader(place: Path, model: dalle_mini.DalleMini) -> FeatureReader:
    return FeatureReader(model.vqgan_params, model.vqgan_config, Clip.load(place / "clip"))


def test_equal_tokens_are_counted_in_the_best_of_nine_shifts() -> None:
    queries, records = draw_tokens(5, 0) % 6, draw_tokens(7, 1) % 6
    expected = np.zeros((5, 7))
    for (row, one), (column, other) in itertools.product(enumerate(queries), enumerate(records)):
        for down, right in itertools.product((-1, 0, 1), repeat=2):
            equal = sum(
                one.reshape(4, 4)[y, x] == other.reshape(4, 4)[y - down, x - right]
                for y, x in itertools.product(range(4), repeat=2)
                if 0 <= y - down < 4 and 0 <= x - right < 4
            )
            expected[row, column] = max(expected[row, column], equal / 16)
    np.testing.assert_allclose(share_tokens(queries, records), expected)


def test_a_picture_that_moved_by_a_token_is_still_near() -> None:
    one = np.arange(16, dtype=np.int32)
    moved = np.roll(one.reshape(4, 4), 1, axis=1).reshape(-1)
    moved.reshape(4, 4)[:, 0] = 60
    assert share_tokens(one[None], one[None])[0, 0] == 1
    assert share_tokens(one[None], moved[None])[0, 0] == 12 / 16


@pytest.mark.parametrize("kind", ["pictures", "tokens"])
def test_the_nearest_are_those_of_a_search_of_everything(place: Path, reader: FeatureReader, kind: str) -> None:
    records = RecordSet.open(place / kind)
    whole = read_whole(records, reader)
    places = np.array([3, 64, 89])
    assert whole.embedded is not None
    queries = Features(whole.tokens[places], whole.embedded[places])
    found = find_nearest(queries, places.astype(np.int32), records, reader)
    for name, likeness in queries.compare(whole).items():
        likeness[np.arange(3), places] = -np.inf
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :KEPT]
        np.testing.assert_allclose(found[name].likeness, np.take_along_axis(likeness, order, 1), atol=1e-5)
        assert not np.any(found[name].places == places[:, None]), "a record was found to be near to itself"
    np.testing.assert_array_equal(
        found[TOKENS].places[:, 0], np.argmax(queries.compare(whole)[TOKENS] - is_own(places), 1)
    )


def is_own(places: np.ndarray) -> np.ndarray:
    return (places[:, None] == np.arange(RECORDS)) * 9


def read_whole(records: RecordSet, reader: FeatureReader) -> Features:
    return reader.read(stack_records(list(records)))


def test_a_token_set_says_the_same_as_its_pictures(place: Path, reader: FeatureReader) -> None:
    pictures, tokens = (read_whole(RecordSet.open(place / kind), reader) for kind in ("pictures", "tokens"))
    np.testing.assert_array_equal(pictures.tokens, tokens.tokens)


@pytest.fixture(scope="module")
def noise(place: Path) -> RecordSet:
    """Tokens that nobody chose, so that records are not near to one another."""
    return write_noise(place / "noise", RECORDS, seed=1)


def write_noise(folder: Path, rows: int, seed: int) -> RecordSet:
    return write_tokens(folder, np.zeros((rows, 4)), draw_tokens(rows, seed), codebook_size=CODEBOOK_SIZE)


def show(tokens: np.ndarray, reader: FeatureReader) -> list[Drawing]:
    """Drawings of these tokens, whose seeds are their places."""
    pictures = map(Image.fromarray, reader.decode(tokens))
    return [
        Drawing(f"prompt {place}", place, row, picture)
        for place, (row, picture) in enumerate(zip(tokens, pictures, strict=True))
    ]


def test_planted_copies_are_found_and_shown_first(noise: RecordSet, reader: FeatureReader) -> None:
    """A third of the drawings are records, token for token; the others are noise of their own."""
    tokens = np.concatenate([draw_tokens(16, 5), draw_tokens(RECORDS, 1)[:8]])
    found = find_copies(show(tokens, reader), noise, reader)
    assert found.equal == 8 and found.records == RECORDS
    by_tokens = next(each for each in found.measures if each.name == TOKENS)
    assert by_tokens.copies and by_tokens.near >= 8
    shown = sort_by_nearness(found)[:8]
    assert {each.drawing.seed for each in shown} == set(range(16, 24))
    assert all(each.neighbors[TOKENS][0].likeness == 1 for each in shown)
    assert {each.neighbors[TOKENS][0].caption for each in shown} == {f"caption {index}" for index in range(8)}


def test_what_is_new_does_not_count_as_a_copy(place: Path, noise: RecordSet, reader: FeatureReader) -> None:
    """Of the same kind as the set but never in it: as near to it as it should be, by either reference."""
    unseen = write_noise(place / "unseen", 40, seed=2)
    drawings = show(draw_tokens(40, 2), reader)
    found = find_copies(drawings, noise, reader)
    assert found.equal == 0 and not any(each.copies for each in found.measures)
    for each in find_copies(drawings, noise, reader, held_out=unseen).measures:
        np.testing.assert_allclose(np.sort(each.drawn), np.sort(each.reference), atol=1e-5)
        assert each.rate == each.reference_rate and each.p == pytest.approx(1)


def test_without_a_ranker_tokens_alone_are_compared(place: Path, model) -> None:
    reader = FeatureReader(model.vqgan_params, model.vqgan_config, None)
    drawings = draw_prompts(model, ["a red car"], 20, 0)
    found = find_copies(drawings, RecordSet.open(place / "tokens"), reader)
    assert [each.name for each in found.measures] == [TOKENS]
    assert EMBEDDING not in found.matched[0].neighbors


def test_the_threshold_is_where_the_nearest_twentieth_of_real_pictures_begins() -> None:
    reference = np.linspace(0, 1, 201, dtype=np.float32)
    measure = judge("x", np.array([0.94, 0.95, 0.96, 1.0], np.float32), reference)
    assert measure.threshold == pytest.approx(0.95) and measure.reference_rate == pytest.approx(11 / 201)
    assert measure.near == 3


def test_prompts_share_the_pictures(model, place: Path) -> None:
    prompts = caption_prompts(RecordSet.open(place / "pictures"), 12)
    assert len(prompts) == 12 and prompts[0] == "picture 0"
    drawn = draw_prompts(model, [" ", *prompts, "picture 0"], 20, seed=3)
    assert len(drawn) == 20 and len({drawing.prompt for drawing in drawn}) == 7
    again = model.generate(drawn[0].prompt, seed=3, images=3)
    assert drawn[1].picture.tobytes() == again.images[1].tobytes() and drawn[1].seed == again.seeds[1]
    with pytest.raises(PromptError, match="none of the prompts"):
        draw_prompts(model, [" "], 20, 0)
    with pytest.raises(ConfigError, match="1 prompts are too few for 65"):
        draw_prompts(model, ["a cat"], 65, 0)


def test_tokens_of_the_models_own_vqgan_are_taken(place: Path) -> None:
    check_set(RecordSet.open(place / "tokens"), model_digest(place / "tiny" / "vqgan"))
