"""Encoding: tokens are the VQGAN's and the tokenizer's own, shards are kept, and sets of another make are refused."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from doubles import IMAGE_LENGTH, IMAGE_SIZE, make_tiny_model
from sets import write_pictures

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.checkpoints.store import load_vqgan
from dalle_mini.data import encode
from dalle_mini.data.encode import Encoder, encode_pictures, tokenizer_digest
from dalle_mini.data.records import Picture, Tokens
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import CheckpointError, DataError, OutputError
from dalle_mini.models import vqgan

pytestmark = pytest.mark.usefixtures("quick_compiles")

COUNT = 11


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encode")
    make_tiny_model(place / "tiny")
    pixels = np.random.default_rng(0).integers(256, size=(COUNT, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    write_pictures(place / "pictures", pixels, [f"a picture number {n}" for n in range(COUNT)])
    return place


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "SHARD", 4)


def open_encoder(place: Path, vqgan: str = "tiny/vqgan", tokenizer: str = "tiny") -> Encoder:
    return Encoder(place / vqgan, place / tokenizer, max_text_length=16, normalize=True)


@pytest.mark.usefixtures("small_shards")
def test_tokens_are_those_of_the_models(place: Path, tmp_path: Path) -> None:
    pictures, encoder = RecordSet.open(place / "pictures"), open_encoder(place)
    told: list[tuple[float, int]] = []
    made = encode_pictures(pictures, tmp_path, encoder, on_progress=lambda *news: told.append(news))
    assert [shard.count for shard in made.shards] == [4, 4, 3] and told[-1] == (1.0, COUNT)
    assert (made.image_length, made.text_length, made.codebook_size) == (IMAGE_LENGTH, 16, 64)
    assert made.vqgan == model_digest(place / "tiny" / "vqgan") and made.tokenizer == tokenizer_digest(place / "tiny")
    assert made.licences == pictures.manifest.licences and made.normalized

    config, params = load_vqgan(place / "tiny" / "vqgan")
    pixels = np.stack([picture.pixels for picture in pictures if isinstance(picture, Picture)])
    expected = np.asarray(vqgan.encode(params, config, jnp.asarray(pixels, jnp.float32) / 255))
    for picture, row, image in zip(pictures, RecordSet.open(tmp_path, "tokens"), expected, strict=True):
        assert isinstance(row, Tokens) and (row.id, row.caption) == (picture.id, picture.caption)
        assert np.array_equal(row.image, image)
        assert np.array_equal(row.text, encoder.tokenizer.encode([row.caption]).tokens[0])


@pytest.mark.usefixtures("small_shards")
def test_a_stopped_encoding_keeps_its_shards(place: Path, tmp_path: Path) -> None:
    pictures, encoder = RecordSet.open(place / "pictures"), open_encoder(place)
    encode_pictures(pictures, tmp_path / "whole", encoder)

    def stop(share: float, done: int) -> None:
        if done > 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_pictures(pictures, tmp_path / "broken", encoder, on_progress=stop)
    (kept,) = (tmp_path / "broken").glob("tokens-*")
    before = kept.stat().st_mtime_ns
    encode_pictures(pictures, tmp_path / "broken", encoder)
    assert kept.stat().st_mtime_ns == before
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "broken"))
    assert one == two


def test_another_vqgan_tokenizer_or_set_is_refused_naming_both(place: Path, tmp_path: Path) -> None:
    pictures = RecordSet.open(place / "pictures")
    made = encode_pictures(pictures, tmp_path / "out", open_encoder(place))
    make_tiny_model(tmp_path / "other", seed=1)
    other = model_digest(tmp_path / "other" / "vqgan")
    assert other != made.vqgan
    with pytest.raises(OutputError, match=f"vqgan '{made.vqgan[:30]}.* there and '{other[:30]}.* here"):
        encode_pictures(pictures, tmp_path / "out", open_encoder(tmp_path, "other/vqgan", str(place / "tiny")))
    (tmp_path / "other" / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(OutputError, match="tokenizer '.* there and '.* here"):
        encode_pictures(pictures, tmp_path / "out", open_encoder(tmp_path, str(place / "tiny" / "vqgan"), "other"))
    more = write_pictures(tmp_path / "more", np.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), ["a caption"])
    with pytest.raises(OutputError, match="pictures '.* there and '.* here"):
        encode_pictures(more, tmp_path / "out", open_encoder(place))
    assert RecordSet.open(tmp_path / "out").manifest == made


def test_pictures_of_another_resolution_are_refused(place: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "in", np.zeros((1, 16, 16, 3), np.uint8), ["a caption"])
    with pytest.raises(DataError, match="pictures of 16 pixels a side, the VQGAN reads 32") as caught:
        encode_pictures(pictures, tmp_path / "out", open_encoder(place))
    assert "--resolution 32" in caught.value.hint and not (tmp_path / "out").exists()


def test_captions_that_say_nothing_are_dropped_and_counted(place: Path, tmp_path: Path) -> None:
    pixels = np.zeros((3, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    pictures = write_pictures(tmp_path / "in", pixels, ["a car", "\u200b", "a dog"])
    made = encode_pictures(pictures, tmp_path / "out", open_encoder(place))
    assert [row.id for row in RecordSet.open(tmp_path / "out")] == ["p0", "p2"]
    assert made.dropped["unreadable caption"].count == 1
    nothing = write_pictures(tmp_path / "nothing", pixels[:1], ["\u200b"])
    with pytest.raises(DataError, match="no caption can be read"):
        encode_pictures(nothing, tmp_path / "none", open_encoder(place))
    assert not (tmp_path / "none").exists()


def test_a_digest_is_of_the_model_alone(place: Path, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny") / "vqgan"
    before = model_digest(folder)
    assert before == model_digest(place / "tiny" / "vqgan")
    (folder / "README.md").write_text("a note")
    assert model_digest(folder) == before
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config + "\n")
    assert model_digest(folder) != before
    with pytest.raises(CheckpointError, match="holds no weights"):
        model_digest(tmp_path)
