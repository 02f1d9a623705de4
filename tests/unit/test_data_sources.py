"""Where captioned pictures come from: folders, tables and tar files, and what is wrong with them."""

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image

from dalle_mini.data.items import Drop, Fields, Item
from dalle_mini.data.sources import open_source
from dalle_mini.data.table import Columns
from dalle_mini.errors import ConfigError, DataError

PNG = b"\x89PNG a picture"


def read(path: Path, columns: Columns | None = None) -> list[Item]:
    return list((open_source(path, columns) if columns else open_source(path)).items())


def captions(items: list[Item]) -> dict[str, object]:
    return {item.id: item.fields().caption for item in items}


def put(path: Path, content: bytes | str = PNG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_folders_are_read_in_order_with_what_lies_beside(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/2.jpg", "a/10.webp", "c.gif", ".hidden.png", "notes.md"):
        put(tmp_path / name)
    put(tmp_path / "b.txt", "a bee\n")
    put(tmp_path / "a/2.json", json.dumps({"text": "two", "license": "CC0-1.0", "url": "https://a.test/2"}))
    put(tmp_path / "c.txt", b"\xff\xfe")
    items = read(tmp_path)
    assert captions(items) == {"a/10.webp": None, "a/2.jpg": "two", "b.PNG": "a bee\n", "c.gif": b"\xff\xfe"}
    assert items[1].fields() == Fields("two", "CC0-1.0", "https://a.test/2")
    assert all(item.picture() == PNG for item in items)
    assert items[-1].share == 1 and [item.share for item in items] == sorted(item.share for item in items)


def test_links_in_circles_and_odd_files_do_no_harm(tmp_path: Path) -> None:
    put(tmp_path / "real" / "a.png")
    (tmp_path / "real" / "again").symlink_to(tmp_path)
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    os.mkfifo(tmp_path / "pipe.png")
    put(tmp_path / "gone.png").unlink()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    items = {item.id: item for item in read(tmp_path)}
    assert items.pop("real/a.png").picture() == PNG
    assert items.keys() == {"round.png", "pipe.png", "gone.png"}
    for item in items.values():
        with pytest.raises(Drop, match="unreadable file"):
            item.picture()


def test_captions_are_found_under_odd_names(tmp_path: Path) -> None:
    for name in ("IMG_1", "a\nb", "long" * 62 + "abc"):  # the last leaves no room for ".json"
        put(tmp_path / f"{name}.PNG")
        put(tmp_path / f"{name}.TXT", "a cat")
    assert [item.fields().caption for item in read(tmp_path)] == ["a cat"] * 3


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(PNG)
    (item,) = read(tmp_path)
    assert item.id == "caf\ufffd.png" and item.picture() == PNG


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", '\ufefffile_name,text,licence\npics/a.png,"a cat, sitting",CC0-1.0\npics/b.png,,\n'),
        ("t.tsv", "file_name\ttext\tlicence\npics/a.png\ta cat, sitting\tCC0-1.0\npics/b.png\t\t\n"),
        (
            "t.jsonl",
            '{"image": "pics/a.png", "caption": "a cat, sitting", "licence": "CC0-1.0"}\n\n'
            '{"image": "pics/b.png", "caption": ""}\n',
        ),
    ],
)
def test_tables_name_pictures_beside_them(tmp_path: Path, name: str, content: str) -> None:
    put(tmp_path / "pics" / "a.png")
    first, second = read(put(tmp_path / name, content))
    assert first.fields() == Fields("a cat, sitting", "CC0-1.0", "") and first.picture() == PNG
    assert first.name == "pics/a.png" and second.fields().caption == ""
    with pytest.raises(Drop, match="unreadable file"):
        second.picture()


@pytest.mark.parametrize("mark", [";", "\t"])
def test_columns_of_spreadsheets_are_told_apart(tmp_path: Path, mark: str) -> None:
    rows = (("image", "caption"), ("a.png", "a cat, two dogs"), ("b.png", "one, two, three, four"))
    items = read(put(tmp_path / "t.csv", "\r\n".join(map(mark.join, rows))))
    assert captions(items) == {"t.csv:2": "a cat, two dogs", "t.csv:3": "one, two, three, four"}


def test_tables_may_be_called_what_is_no_text(tmp_path: Path) -> None:
    table = put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")), "image,caption\na.png,cat\n")
    (item,) = read(table)
    assert item.id.encode() == b"?.csv:2"


def test_columns_may_be_named(tmp_path: Path) -> None:
    table = put(tmp_path / "t.csv", "datei,titel,caption\na.png,Katze,cat\n")
    (item,) = read(table, Columns("datei", "titel"))
    assert item.fields().caption == "Katze" and item.name == "a.png"


def test_parquet_holds_paths_or_pictures(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    put(tmp_path / "a.png")
    cells = {"paths": ["a.png"], "bytes": [PNG], "structs": [{"bytes": PNG, "path": None}]}
    for name, cell in cells.items():
        parquet.write_table(pyarrow.table({"image": cell, "text": ["a cat"]}), tmp_path / f"{name}.parquet")
        (item,) = read(tmp_path / f"{name}.parquet")
        assert item.fields().caption == "a cat" and item.picture() == PNG
    with pytest.raises(DataError, match="broken.parquet"):
        read(put(tmp_path / "broken.parquet", b"PAR1 nothing PAR1"))


def test_parquet_without_its_package_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match="pyarrow") as caught:
        read(put(tmp_path / "t.parquet"))
    assert "dalle-mini[parquet]" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("t.csv", "imge,caption\na.png,cat\n", "no column picture or image", "did you mean 'imge'"),
        ("t.csv", "image,captoin\na.png,cat\n", "no column caption or text", "did you mean 'captoin'"),
        ("t.csv", "image;captoin\na.png;cat\n", "no column caption or text", "did you mean 'captoin'"),
        ("t.csv", "image,caption\n".encode("utf-16"), "is not UTF-8 text", "UTF-8"),
        ("t.csv", "image,caption\n", "no rows", ""),
        ("t.csv", "", "no rows", ""),
        ("t.csv", 'image,caption\na.png,"cat\n', "line 2: unexpected end of data", ""),
        ("t.csv", "image,caption\na.png," + "x" * 200_000, "line 2: field larger", ""),
        ("t.csv", "image,caption\nhttps://a.test/1.png,cat\n", "row 2 names an address", "fetch"),
        ("t.jsonl", '{"image": "a.png", "caption": "cat"}\n{"image"', "line 2: not JSON", ""),
        ("t.jsonl", "[1]\n", "line 1: list, not an object", ""),
        ("t.jsonl", "[" * 100_000, "line 1: not JSON", ""),
        ("t.jsonl", "\n" + " " * 2**24, "line 2: longer than 16 MiB", ""),
    ],
)
def test_broken_tables_are_named(tmp_path: Path, name: str, content: str | bytes, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(put(tmp_path / name, content))
    assert hint in caught.value.hint and name in str(caught.value)


def test_a_column_that_was_named_must_be_there(tmp_path: Path) -> None:
    table = put(tmp_path / "t.csv", "image,caption\na.png,cat\n")
    with pytest.raises(DataError, match="no column capton for the caption") as caught:
        read(table, Columns(caption="capton", needed=False))
    assert "did you mean 'caption'" in caught.value.hint


def test_cells_that_are_no_paths_are_dropped(tmp_path: Path) -> None:
    rows = [{"image": value, "caption": "cat"} for value in (7, None, "", "a\x00b", str(tmp_path))]
    for item in read(put(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows)))):
        with pytest.raises(Drop, match="unreadable file"):
            item.picture()


Mode = Literal["w", "w:gz", "w:xz"]


def make_tar(path: Path, members: dict[str, bytes], mode: Mode = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


MEMBERS = {
    "0/1.jpg": PNG,
    "0/1.txt": b"one",
    "0/2.json": b'{"caption": "two", "source": "anna"}',
    "0/2.webp": PNG,
    "0/3.png": PNG,
    "0/3.json": b"[not json",
    "0/readme.md": b"?",
    "/etc/passwd.png": PNG,
    "../../up.jpg": PNG,
    "../../up.txt": b"up",
}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_archives_are_read_and_never_extracted(tmp_path: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_tar(tmp_path / f"a.tar{mode[1:].replace(':', '.')}", MEMBERS, mode)
    monkeypatch.chdir(tmp_path)
    items = read(path)
    names = [f"{path.name}/{name}" for name in ("0/1.jpg", "0/2.webp", "0/3.png", "/etc/passwd.png", "../../up.jpg")]
    assert captions(items) == dict(zip(names, ["one", "two", b"[not json", None, "up"], strict=True))
    assert items[1].fields().source == "anna" and all(item.picture() == PNG for item in items)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_of_archives_is_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        make_tar(tmp_path / f"{name}.tar", {"1.png": PNG, "1.txt": name.encode()})
    assert captions(read(tmp_path)) == {"a.tar/1.png": "a", "b.tar/1.png": "b"}
    put(tmp_path / "c.png")
    with pytest.raises(DataError, match=r"tar files \(a.tar\) and pictures \(c.png\)"):
        open_source(tmp_path)


def test_folders_and_broken_links_that_are_called_like_archives(tmp_path: Path) -> None:
    put(tmp_path / "a.tar" / "1.png")
    assert [item.id for item in read(tmp_path)] == ["a.tar/1.png"]
    (tmp_path / "b.tar").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="b.tar is cut short or no tar file"):
        read(tmp_path)


def test_links_in_archives_are_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("1.png", tarfile.SYMTYPE), ("2.png", tarfile.LNKTYPE), ("3.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    with pytest.raises(DataError, match="no pictures in"):
        read(tmp_path / "a.tar")


def test_archives_cut_short_anywhere_are_named(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "a.tar", {"1.png": PNG * 100, "1.txt": b"one", "2.png": PNG}).read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in (0, 100, 512, 1000, 2048, 2560, 3000, 3072, end // 512 * 512, end):
        with pytest.raises(DataError, match="cut short or no tar file"):
            read(put(tmp_path / "cut.tar", whole[:length]))
    packed = make_tar(tmp_path / "a.tar.gz", MEMBERS, "w:gz").read_bytes()
    with pytest.raises(DataError, match="cut short or no tar file"):
        read(put(tmp_path / "cut.tar.gz", packed[: len(packed) // 2]))


def test_paths_that_are_no_source_are_refused(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "nowhere", "does not exist"),
        (put(tmp_path / "a.docx"), "no source of pictures"),
        (Path("/dev/null"), "is not a file"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            open_source(path)
        assert ".csv" in caught.value.hint
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no pictures in"):
        read(empty)


def test_a_picture_of_this_format_can_be_drawn(tmp_path: Path) -> None:
    """The suffixes that are looked for are those of formats that are read."""
    from dalle_mini.data.items import PICTURE_SUFFIXES
    from dalle_mini.data.picture import FORMATS

    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in PICTURE_SUFFIXES} == set(FORMATS)
