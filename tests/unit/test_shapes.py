"""Shapes of parameters are kept between starts, and never those of something else."""

import json
from pathlib import Path

import jax
import pytest

from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints import shapes as kept
from dalle_mini.config import VQGANConfig
from dalle_mini.models import vqgan

SMALL = VQGANConfig(
    ch=8, ch_mult=(1, 1), num_res_blocks=1, resolution=16, z_channels=8, embed_dim=8, n_embed=16, norm_groups=4
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dalle-mini" / "shapes"


def find_shapes(config: VQGANConfig) -> kept.Shapes:
    """As a process that has just begun."""
    kept.find_shapes.cache_clear()
    return layout.vqgan_shapes(config)


def test_what_is_kept_is_what_init_makes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {path: leaf.shape for path, leaf in layout.flatten(vqgan.init(jax.random.key(0), SMALL)).items()}
    assert find_shapes(SMALL) == made
    monkeypatch.setattr(vqgan, "init", None)
    assert find_shapes(SMALL) == made
    assert len(list(folder.iterdir())) == 1


def test_another_config_or_source_is_asked_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_shapes(SMALL)
    assert find_shapes(VQGANConfig.from_dict({**SMALL.to_dict(), "n_embed": 32})) != first
    monkeypatch.setattr(kept, "_version", lambda: "another")
    find_shapes(SMALL)
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": ["x"]}', "\0"])
def test_a_broken_file_is_written_anew(content: str, folder: Path) -> None:
    first = find_shapes(SMALL)
    (path,) = folder.iterdir()
    path.write_text(content)
    assert find_shapes(SMALL) == first
    assert json.loads(path.read_text()).keys() == first.keys()


def test_a_folder_that_cannot_be_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "dalle-mini").write_text("a file in the way")
    assert find_shapes(SMALL)


def test_the_folder_does_not_grow_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    for codes in (16, 17, 18):
        find_shapes(VQGANConfig.from_dict({**SMALL.to_dict(), "n_embed": codes}))
    assert len(list(folder.iterdir())) == 1
