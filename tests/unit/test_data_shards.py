"""Record sets: what was written is read, whatever is damaged is named, and nobody's folder is overwritten."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sets import PICTURE_PLAN, TOKEN_PLAN, picture_record, write_pictures, write_tokens

from dalle_mini.data.records import Picture, Tokens
from dalle_mini.data.shards import RecordSet, RecordWriter
from dalle_mini.errors import DalleMiniError, DataError, OutputError


def test_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(7, 8, 8, 3), dtype=np.uint8)
    pictures = write_pictures(tmp_path, pixels, [f"größe {n}" for n in range(7)], per_shard=3)
    assert [shard.count for shard in pictures.manifest.shards] == [3, 3, 1]
    read = RecordSet.open(tmp_path, "pictures")
    assert len(read) == 7 and read.manifest == pictures.manifest
    for index, picture in enumerate(read):
        assert isinstance(picture, Picture)
        assert (picture.id, picture.caption, picture.licence) == (f"p{index}", f"größe {index}", "CC0-1.0")
        assert np.array_equal(picture.pixels, pixels[index])
    assert [fields["id"] for fields in read.fields()] == [f"p{index}" for index in range(7)]
    read.verify()


def test_tokens_come_back_as_they_were(tmp_path: Path) -> None:
    text, image = np.arange(12).reshape(3, 4), 2**31 - 1 - np.arange(27).reshape(3, 9)
    read = write_tokens(tmp_path, text, image)
    for index in (2, 0, 1):
        row = read[index]
        assert isinstance(row, Tokens) and row.text.dtype == row.image.dtype == np.int32
        assert np.array_equal(row.text, text[index]) and np.array_equal(row.image, image[index])
    with pytest.raises(IndexError):
        read[3]


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(5, 8, 8, 3), dtype=np.uint8)
    one, two = (write_pictures(tmp_path / name, pixels, list("abcde"), per_shard=2) for name in "ab")
    assert [shard.sha256 for shard in one.manifest.shards] == [shard.sha256 for shard in two.manifest.shards]
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(256, size=(60, 32, 32, 3), dtype=np.uint8)
    write_pictures(tmp_path / "set", pixels, ["a caption"] * 60, per_shard=30)
    return tmp_path / "set"


def test_what_is_missing_is_said(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match="no such folder") as caught:
        RecordSet.open(tmp_path / "nowhere", "tokens")
    assert "data encode" in caught.value.hint
    with pytest.raises(DataError, match="no manifest.json"):
        RecordSet.open(tmp_path, "pictures")
    with pytest.raises(DataError, match="holds pictures, not tokens"):
        RecordSet.open(pictures, "tokens")
    (pictures / "pictures-00001.array_record").unlink()
    with pytest.raises(DataError, match="pictures-00001.array_record: No such file"):
        RecordSet.open(pictures, "pictures")


def test_a_shard_cut_short_is_named(pictures: Path) -> None:
    shard = pictures / "pictures-00001.array_record"
    shard.write_bytes(shard.read_bytes()[:70_000])
    with pytest.raises(DataError, match="pictures-00001.array_record is damaged: 70000 bytes"):
        RecordSet.open(pictures, "pictures")


def test_changed_bytes_are_found_by_their_digest_and_when_read(pictures: Path) -> None:
    shard = pictures / "pictures-00001.array_record"
    content = bytearray(shard.read_bytes())
    content[5000:6000] = bytes(1000)
    shard.write_bytes(content)
    read = RecordSet.open(pictures, "pictures")
    with pytest.raises(DataError, match="digest of pictures-00001.array_record"):
        read.verify()
    with pytest.raises(DataError, match="pictures-00001.array_record is damaged"):
        list(read)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: "[", "not JSON"),
        (lambda values: "[]", "not the manifest"),
        (lambda values: json.dumps(values | {"kind": "videos"}), "videos"),
        (lambda values: json.dumps(values | {"count": 61}), "do not add up to 61"),
        (lambda values: json.dumps(values | {"cuont": 61}), "cuont"),
        (lambda values: json.dumps(values | {"count": "60"}), "count='60'"),
        (lambda values: json.dumps(values | {"shards": [{"file": "a"}]}), "missing"),
        (lambda values: json.dumps(values).replace("pictures-00000", "../pictures-00000"), "shard '../pictures"),
        (lambda values: json.dumps(values | {"resolution": 16}), "a picture of"),
    ],
)
def test_a_manifest_that_does_not_add_up_is_refused(pictures: Path, change, message: str) -> None:
    path = pictures / "manifest.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(DataError, match=message):
        RecordSet.open(pictures, "pictures")[0]


def test_a_writer_goes_on_behind_its_whole_shards(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path / "set", PICTURE_PLAN)
    assert writer.begin() is None
    written = writer.write(0, [picture_record(Image.new("RGB", (8, 8)))])
    assert written is not None and writer.write(1, []) is None
    with pytest.raises(DataError, match="not finished"):
        RecordSet.open(tmp_path / "set", "pictures")
    (tmp_path / "set" / "pictures-00001.array_record").write_bytes(b"cut short")

    again = RecordWriter(tmp_path / "set", PICTURE_PLAN)
    assert again.begin() is None
    assert again.find(0) == written and again.find(1) is None and again.find(2) is None
    last = again.write(1, [picture_record(Image.new("RGB", (8, 8), "red"))])
    assert last is not None
    finished = again.finish([written, last], licences={"": 2})
    assert RecordWriter(tmp_path / "set", PICTURE_PLAN).begin() == finished
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["manifest.json", written.file, last.file]


def test_a_failing_source_leaves_no_shard(tmp_path: Path) -> None:
    def records():
        yield picture_record(Image.new("RGB", (8, 8)))
        raise DataError("the source broke")

    writer = RecordWriter(tmp_path / "set", PICTURE_PLAN)
    writer.begin()
    with pytest.raises(DataError, match="the source broke"):
        writer.write(0, records())
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["unfinished.json"]


@pytest.mark.parametrize("finish", [False, True])
def test_a_set_of_another_plan_is_refused_naming_both(tmp_path: Path, finish: bool) -> None:
    writer = RecordWriter(tmp_path / "set", TOKEN_PLAN)
    writer.begin()
    if finish:
        write_tokens(tmp_path / "set", np.zeros((1, 4)), np.zeros((1, 9)))
    before = {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()}
    other = dataclasses.replace(TOKEN_PLAN, vqgan="bbbb")
    with pytest.raises(OutputError, match="vqgan 'aaaa' there and 'bbbb' here"):
        RecordWriter(tmp_path / "set", other).begin()
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match="holds something else: thesis.tex"):
        RecordWriter(tmp_path, PICTURE_PLAN).begin()
    with pytest.raises(DalleMiniError, match="thesis.tex"):
        RecordWriter(tmp_path / "thesis.tex", PICTURE_PLAN).begin()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
