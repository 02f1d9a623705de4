"""The recipes of the bundled model run from nothing to a release that draws, at the smallest size."""

import contextlib
import dataclasses
import functools
import importlib
import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import jax
import numpy as np
import pytest

import dalle_mini
from dalle_mini.checkpoints.digests import model_digest, verify
from dalle_mini.checkpoints.store import load_transformer, save_transformer
from dalle_mini.cli import main
from dalle_mini.data.encode import Encoder
from dalle_mini.data.records import Tokens
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import CheckpointError, ConfigError, DataError, OutputError
from dalle_mini.judging import Judge
from dalle_mini.ranking import Clip
from recipes import refusal
from recipes.nano import average, curve, results, sampling, ship, table, tokens
from recipes.world.build import Series
from recipes.world.facts import draw_facts, labels
from recipes.world.settings import Settings, read_settings
from recipes.world.world import WorldConfig, load_world

ROOT = Path(__file__).parents[2]
NANO = ROOT / "recipes" / "nano"
pytestmark = pytest.mark.usefixtures("quick_compiles")
STEPS = {"steps": 2, "batch_size": 8, "warmup_steps": 1, "decay_steps": 1}
VQGAN = {
    "model": {
        "ch": 8, "ch_mult": [1, 2], "resolution": 64, "z_channels": 8, "embed_dim": 4, "n_embed": 32, "patch_size": 8,
    },
    "optimizer": STEPS,
}  # fmt: skip
TOWER = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
CLIP = {
    "model": {"projection_dim": 8},
    "text": TOWER,
    "residual": {"image_size": 64, "patch_size": 8, "widths": [4, 8], "depths": [1, 1]},
    "optimizer": STEPS,
}
TINY: dict[str, dict[str, Any]] = {
    "features": {
        "model": {"widths": [4, 4], "num_blocks": 1, "num_words": 8},
        "words": {"rarest": 0.02},
        "optimizer": STEPS,
    },
    "vqgan": VQGAN | {"codebook": {"plain_steps": 1}},
    "vqgan-decoder": VQGAN
    | {"discriminator": {"ch": 8, "num_layers": 1, "norm_groups": 4}, "adversary": {"start_step": 0}},
    "transformer": {
        "model": {
            "image_vocab_size": 32, "image_length": 16, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
        },
        "samples": {"prompts": []},
        "optimizer": STEPS,
    },
    "clip": CLIP,
    "clip-kin": CLIP,
    "judge": {"model": {"patch_size": 8, "widths": [8, 8], "depths": [1, 1]}, "optimizer": STEPS},
}  # fmt: skip
"""What is smaller than in the run files."""

COUNTS = {"SCENES": "48", "KIN": "48", "JUDGED": "48", "UNSEEN": "16", "SAMPLES": "40", "BATCH": "16", "WORKERS": "1"}


def shrink(source: Path, target: Path) -> Path:
    """The run files of a folder at their smallest, and a world of 64 pixels in one art set."""
    target.mkdir()
    for name, changes in TINY.items():
        tables = tomllib.loads((source / f"{name}.toml").read_text())
        for part, values in changes.items():
            assert not values.keys() - tables[part].keys(), f"{name}.toml has no such names"
            tables[part] |= values
        lines = [
            f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in t.items()) for name, t in tables.items()
        ]
        (target / f"{name}.toml").write_text("\n".join(lines))
    (target / "world.toml").write_text('size = 64\nthings = "popular"\nsets = ["noto"]\n')
    return target


PYTHON = """\
#!{python} -S
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", int(os.environ["SERVED"]))) as line:
    line.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(line.recv(1)[0])
"""
"""Stands for Python in the scripts: what it is asked to run, the test does, which has everything imported."""


def run(script: Path, *words: str, files: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Run a script of the recipe, serving its commands; each has to succeed."""
    python = files.parent / "python"
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server, monkeypatch.context() as patch:
        for name in ("XLA_FLAGS", "PJRT_NPROC"):  # the build of scenes changes them
            patch.setenv(name, os.environ.get(name, ""))
        patch.chdir(files.parent)
        own = {"RUN_FILES": str(files), "PYTHON": str(python), "SERVED": str(server.getsockname()[1])}
        with subprocess.Popen(["sh", str(script), *words], env=os.environ | COUNTS | own | variables) as process:
            server.settimeout(0.5)
            while process.poll() is None:
                with contextlib.suppress(TimeoutError):
                    line, _ = server.accept()
                    with line:
                        line.sendall(bytes([execute(json.loads(line.makefile().readline()), patch)]))
        assert process.returncode == 0


def execute(words: list[str], patch: pytest.MonkeyPatch) -> int:
    """What `python -m …` would do, and the status that it would leave with."""
    dash, module, *rest = words
    assert dash == "-m"
    if module == "dalle_mini":
        # Compiles are most of the time. Without optimizations the gradient of a maximum over cells is NaN at times.
        jax.config.update("jax_disable_most_optimizations", not {"features", "judge"} & {*rest})
        return main(rest)
    patch.setattr(sys, "argv", [module, *rest])
    try:
        importlib.import_module(module).main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def check_release(assets: Path, size: int) -> None:
    """It draws, its CLIP ranks, its judge names, and its files are those of the digests."""
    assert not verify(assets) and not verify(assets / "vqgan")
    drawn = dalle_mini.load(str(assets)).generate("a red car at the beach", images=2, seed=0)
    assert [image.size for image in drawn.images] == [(size, size)] * 2
    assert Clip.load(assets / "clip").marks(drawn.images, "a red car").shape == (2,)
    assert "thing" in Judge.load(assets / "judge").name(drawn.images)[0]
    names = {path.name for path in assets.iterdir()}
    assert names >= {"NOTICE", "Apache-2.0.txt", "WordNet-3.0.txt", "lexicon.tsv", "prompts.txt", "generation.json"}
    assert not names & {"MIT.txt", "CC-BY-4.0.txt"}, "licences of art that was not used"


def check_tokens(out: Path, settings: Settings) -> None:
    """Straight from scenes come the same tokens as by way of pictures, and the licences are counted alike."""
    reader = tokens.Reader(out / "tokenizer", 32)
    encoder = Encoder(out / "vqgan" / "model", reader.tokenizer, max_text_length=32, normalize=True, batch_size=20)
    series = Series(0, settings.size, config=settings.config)
    tokens.write_tokens(out / "straight", series, 48, encoder, reader, workers=1)
    straight, by_pictures = (RecordSet.open(out / name, "tokens") for name in ("straight", "tokens"))
    assert straight.manifest.licences == by_pictures.manifest.licences == {"Apache-2.0": 48}
    assert straight.manifest.sources == by_pictures.manifest.sources
    for one, other in zip(straight, by_pictures, strict=True):
        assert isinstance(one, Tokens) and isinstance(other, Tokens)
        assert (one.id, one.caption) == (other.id, other.caption)
        assert np.array_equal(one.text, other.text) and np.array_equal(one.image, other.image)


def check_table(assets: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are measured once, and sheets are drawn of them."""
    monkeypatch.setattr(table, "BEST_OF", (2, 3, 4))
    monkeypatch.setattr(results, "SHOWN", 3)
    bench = table.Bench.open(str(assets), read_settings(world), tmp_path / "out" / "nano" / "scenes")
    reports = table.measure(bench, "count", tmp_path / "table", 3)
    assert list(reports) == ["model", "random tokens", "nearest scene", "rendering", "reconstruction"]
    assert reports["model"]["fields"]["count"]["prompts"] == 3 and reports["model"]["best_by_clip"]
    row = table.write_row("count", "count", reports)
    assert len(row) == len(table.HEAD) and "" not in row and row[-1] == "3"
    table.write_tables(tmp_path / "table", {"count": reports, "style": reports})
    rows = (tmp_path / "table" / "table.md").read_text("utf-8").splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| style", "| the thing in that style", "| count"]
    ranking = (tmp_path / "table" / "ranking.md").read_text("utf-8")
    assert ranking.splitlines()[0] == "| best of | 1 | 2 | 3 | 4 |" and "\n| count | " in ranking
    with monkeypatch.context() as patch:
        patch.setattr(table, "evaluate", None)
        assert table.measure(bench, "count", tmp_path / "table", 3) == reports
    words = ["results", "--model", str(assets), "--world", str(world), "--count", "8"]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path), "--table", str(tmp_path / "table")])
    results.main()
    assert {path.name for path in tmp_path.glob("*.webp")} >= {"prompts.webp", "reconstructions.webp"}


def test_a_refused_command_leaves_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["table", "--out", str(tmp_path), "--rows", "single,colour"])
    with pytest.raises(SystemExit) as left:
        table.main()
    said = capsys.readouterr().err
    assert left.value.code == 2 and said.startswith("error: --rows: there is no 'colour'\nhint: choose among single,")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(SystemExit), refusal.told():
        raise DataError("half of it")
    assert capsys.readouterr().err == "error: half of it\n"


def check_mean(out: Path) -> None:
    """The mean of two runs lies in the middle of them; runs of other sizes have none."""
    one, other, mean = (out / name / "transformer" / "model" for name in ("more-10", "more-11", "mean-10-11"))
    (config, mean_params), (_, one_params), (_, other_params) = map(load_transformer, (mean, one, other))
    halves = jax.tree.map(lambda first, second: (first + second) / 2, one_params, other_params)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), mean_params, halves)
    save_transformer(out / "wider" / "model", dataclasses.replace(config, encoder_attention_heads=1), one_params)
    with pytest.raises(CheckpointError, match="wider trained another model than"):
        average.average([out / "more-10" / "transformer", out / "wider"], out / "none")


def check_sampling(
    assets: Path, world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row of shares for each combination, and their mean."""
    monkeypatch.setattr(sampling, "KINDS", {"single": "thing_top1", "style": "style"})
    words = ["sampling", "--model", str(assets), "--world", str(world), "--count", "1", "--temperature", "1"]
    monkeypatch.setattr(sys, "argv", [*words, "--guidance", "1", "2"])
    capsys.readouterr()
    sampling.main()
    head, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert head[3:] == ["single", "style", "mean"] and [row[0] for row in rows] == ["1", "2"]
    for *_, single, style, mean in rows:
        found = [float(share.rstrip("%")) for share in (single, style, mean)]
        assert found[2] == pytest.approx(sum(found[:2]) / 2, abs=0.1)


def test_the_bundled_model_is_made_from_nothing_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = shrink(NANO, tmp_path / "files")
    serve = functools.partial(run, files=files, monkeypatch=monkeypatch, ASSETS="nano")
    serve(NANO / "train.sh")
    assets = tmp_path / "nano"
    check_release(assets, 64)
    first, vqgan = model_digest(assets), model_digest(assets / "vqgan")
    serve(NANO / "continue.sh", "10", "11", STEPS="2", WORKERS="2")
    check_release(assets, 64)
    check_mean(tmp_path / "out" / "nano")
    assert model_digest(assets) != first and model_digest(assets / "vqgan") == vqgan
    check_tokens(tmp_path / "out" / "nano", read_settings(files / "world.toml"))
    check_table(assets, files / "world.toml", tmp_path, monkeypatch)
    check_sampling(assets, files / "world.toml", monkeypatch, capsys)
    more, before = (RecordSet.open(tmp_path / "out" / "nano" / name) for name in ("more-10/tokens", "tokens"))
    assert len(more) == 48 and not {each.caption for each in more} <= {each.caption for each in before}


def test_the_large_model_is_made_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = shrink(NANO / "gpu", tmp_path / "files")
    step = functools.partial(run, NANO / "gpu" / "train.sh", files=files, monkeypatch=monkeypatch, ASSETS="large")
    step("pictures")
    step("train", "vqgan", "200")
    step("tokens")
    step("hold", "transformer", "200")
    for what in ("transformer", "features", "vqgan-decoder", "clip", "clip-kin", "judge"):
        step("train", what, "200")
    step("ship")
    check_release(tmp_path / "large", 64)
    assert (tmp_path / "out" / "gpu" / "transformer" / "steps").read_text() == "3\n"


def write_sizes(folder: Path, kind: str, **sizes: Any) -> None:
    """A model's folder that says its sizes, with weights that nobody reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **sizes}))
    (folder / "model.safetensors").write_bytes(b"0" * 100)


@pytest.mark.parametrize("length", [64, 256])
def test_only_a_transformer_that_fits_the_vqgan_ships(tmp_path: Path, length: int) -> None:
    write_sizes(tmp_path, "dallebart", image_length=length, image_vocab_size=32)
    write_sizes(tmp_path / "vqgan", "vqgan", resolution=96, ch=32, ch_mult=[1, 2], patch_size=6, n_embed=32)
    if length == 64:
        ship.check_fit(tmp_path)
    else:
        with pytest.raises(CheckpointError, match="draws 256 tokens of 32, the VQGAN reads 64 of 32"):
            ship.check_fit(tmp_path)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"a": 9.9, "judge/b": 5.9, "c": 9.9, "d": 9.9, "e": 9.3}, ""),
        ({"a": 10.1}, "a has 10.1 MB, more than the 10 MB"),
        ({"judge/a": 3.1, "judge/b": 3.1}, "judge has 6.2 MB, more than the 6 MB"),
        ({letter: 9.1 for letter in "abcde"}, "has 45.5 MB, more than the 45 MB"),
    ],
)
def test_a_release_stays_small(tmp_path: Path, sizes: dict[str, float], told: str) -> None:
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(round(size * 10**6))
    if not told:
        ship.check_sizes(tmp_path)
        return
    with pytest.raises(OutputError, match=told):
        ship.check_sizes(tmp_path)


def test_labels_are_read_back_as_facts() -> None:
    world, random = load_world(WorldConfig("popular", ("noto",))), Random(0)
    for _ in range(300):
        facts = draw_facts(world, random)
        assert table.read_facts(labels(facts)) == facts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('size = 100\nthings = "all"\nsets = ["noto"]', "100 pixels"),
        ('size = 64\nthings = "all"', "has size, things"),
        ('size = 64\nthings = "all"\nsets = ["nato"]', "'nato'"),
        ("size =", "is not TOML"),
    ],
)
def test_a_world_file_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "world.toml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_settings(tmp_path / "world.toml")


def test_a_curve_of_trainings_in_a_row_is_a_picture_of_its_own(tmp_path: Path) -> None:
    for folder, done in (("first", 0), ("second", 2000)):
        lines = [{"step": step, "loss": 9 / (done + step)} for step in range(100, 2001, 100)]
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    trainings = [tmp_path / "first", tmp_path / "second"]
    curve.write_curve(trainings, "loss", tmp_path / "curve.svg")
    svg = ElementTree.parse(tmp_path / "curve.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    (line,) = svg.findall("{*}polyline")
    points = [[float(part) for part in point.split(",")] for point in line.attrib["points"].split()]
    across, down = map(list, zip(*points, strict=True))
    assert down == sorted(down) and len(down) == 35  # the first 500 steps are left out
    assert across == sorted(set(across))
    with pytest.raises(DataError, match="no accuracy"):
        curve.write_curve(trainings, "accuracy", tmp_path / "curve.svg")
