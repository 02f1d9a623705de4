"""Whether there is room for a drawing: sizes against arrays, and what is said where there is none."""

from pathlib import Path

import jax
import numpy as np
import pytest

from dalle_mini import memory
from dalle_mini.config import GenerationConfig, TransformerConfig, VQGANConfig
from dalle_mini.errors import ConfigError
from dalle_mini.memory import Free, Need, estimate, find_free, require_room
from dalle_mini.models import transformer

GIGABYTE = 10**9
SETTINGS = GenerationConfig(images=9, candidates=144)


def test_the_estimate_grows_with_what_it_is_made_of() -> None:
    config, vqgan = TransformerConfig(), VQGANConfig()
    need = estimate(config, vqgan, SETTINGS, lanes=9, itemsize=2)
    cache = jax.eval_shape(lambda: transformer.empty_cache(config, 18, np.dtype("float16")))
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(cache))
    assert held < need.batch < held + GIGABYTE
    assert 3 * 256**2 < need.candidate < 5 * 3 * 256**2
    alone = estimate(config, vqgan, GenerationConfig(guidance_scale=1.0), lanes=9, itemsize=2)
    assert alone.batch < need.batch and alone.candidate == need.candidate


def test_patches_spare_the_vqgan_work_but_no_pixels() -> None:
    config = TransformerConfig(image_length=16)
    fine = VQGANConfig(resolution=32, ch_mult=(1, 1, 1, 1), attn_resolutions=())
    coarse = VQGANConfig(resolution=32, ch_mult=(1, 1), attn_resolutions=(), patch_size=4)
    assert fine.downsampling == coarse.downsampling == 8
    one, other = (estimate(config, vqgan, SETTINGS, lanes=9, itemsize=4) for vqgan in (fine, coarse))
    assert other.candidate == one.candidate and other.batch < one.batch


def test_what_finds_no_room_is_told_with_what_would() -> None:
    need = Need(batch=2 * GIGABYTE, candidate=10**7)
    require_room(need, Free(3 * GIGABYTE, 2 * GIGABYTE, is_shared=False), SETTINGS)
    require_room(need, Free(None, None, is_shared=False), SETTINGS)
    with pytest.raises(ConfigError, match=r"candidates=144 need about 1.4 GB, and 1.0 GB are free") as refused:
        require_room(need, Free(3 * GIGABYTE, 3 * GIGABYTE, is_shared=True), SETTINGS)
    assert "at most 100" in refused.value.hint
    with pytest.raises(ConfigError, match=r"a batch of pictures needs about 2.0 GB, and 1.0 GB are free"):
        require_room(need, Free(GIGABYTE, 9 * GIGABYTE, is_shared=False), SETTINGS)


def test_what_is_free_is_read_from_the_system(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:  100 kB\nMemAvailable:   50 kB\n")
    assert memory._read_available(path) == 50 * 1024
    assert memory._read_available(tmp_path / "none") is None
    files = {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 9\ninactive_file 50\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert memory._read_group(tmp_path) == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._read_group(tmp_path) is None
    free = find_free()
    assert free.is_shared and free.device == free.machine
