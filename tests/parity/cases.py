"""Recorded cases: a checkpoint, inputs, and what the original computed from them.

What a case is, is told by its contents (fields of its config.json, keys of its meta.json, files),
never by its name, so that any directory of such cases can be given with `--golden`.
"""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PUBLISHED_SWITCHES: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu", "gelu_new"),
    "double_z": (False,),
    "force_ln_scale": (False,),
    "give_pre_end": (False,),
    "ln_positions": ("normformer",),
    "ln_type": ("layernorm",),
    "sinkhorn_iters": (1,),
    "tie_word_embeddings": (False,),
    "use_absolute_position_embeddings": (True,),
    "use_alibi": (False,),
    "use_bias": (False,),
    "use_cosine_attention": (False,),
    "use_deepnet_scaling": (False,),
    "use_final_ln_decoder": (True,),
    "use_final_ln_encoder": (True,),
    "use_glu": (True,),
    "use_head_scale": (False,),
    "use_swin_position_embeddings": (False,),
}
"""The values that are built; a config.json with any other is refused by the switch's name."""


@dataclasses.dataclass(frozen=True)
class Case:
    directory: Path

    @property
    def model(self) -> Path:
        return self.directory / "model"

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The contents of the checkpoint's config.json; empty where the case has no checkpoint."""
        path = self.model / "config.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @functools.cached_property
    def meta(self) -> dict[str, Any]:
        path = self.directory / "meta.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.directory / "golden.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    @property
    def refused_switches(self) -> list[str]:
        """The switches that its config turns to a value that is not built."""
        return [name for name, built in PUBLISHED_SWITCHES.items() if self.config.get(name, built[0]) not in built]

    @property
    def kind(self) -> str:
        """What its contents say it is; "unknown" where they say nothing that the tests can run."""
        if self.refused_switches:
            return "refused"
        if "d_model" in self.config:
            return "transformer"
        if "ch_mult" in self.config:
            return "vqgan"
        if "vision_config" in self.config:
            return "clip"
        if "dallebart_case" in self.meta and "vqgan_case" in self.meta:
            return "pipeline"
        for file, kind in (("text.json", "text"), ("key_map.json", "key_map")):
            if (self.directory / file).exists():
                return kind
        return "unknown"

    def sibling(self, name: str) -> "Case":
        """Another case of the same directory."""
        return Case(self.directory.parent / name)


@dataclasses.dataclass(frozen=True)
class Run:
    """A transformer case in one of the dtypes that it was recorded in."""

    case: Case
    dtype: str

    @property
    def _prefix(self) -> str:
        return "fp16_" if self.dtype == "float16" else ""

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self.case.arrays

    def __getitem__(self, name: str) -> np.ndarray:
        """A recorded result; a test ends where it asks for one that is not."""
        if name not in self:
            pytest.skip(f"{self._prefix}{name} is not recorded")
        return self.case.arrays[self._prefix + name].astype(np.float32)

    def inputs(self, name: str) -> np.ndarray:
        """A recorded input, the same for every dtype."""
        return self.case.arrays[name]

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The options of every sampled sequence, and under "array" the name of its tokens."""
        return self.case.meta.get(f"{self._prefix}samples", [])

    @property
    def greedy(self) -> str:
        return f"{self._prefix}greedy_sequences"

    def sequences(self) -> dict[str, np.ndarray]:
        """Every recorded greedy or sampled sequence, the start token in front, by array name."""
        names = [self.greedy, *(sample["array"] for sample in self.samples)]
        return {name: self.case.arrays[name] for name in names if name in self.case.arrays}

    def tolerance(self, name: str) -> float:
        """Largest absolute difference allowed in the recorded result `name`.

        Two float16 computations round differently: they may be as far apart as twice what the
        recorded one is from its float32 twin, or four times what the original's runs were.
        """
        if self.dtype == "float32":
            return 1e-4
        rounding = np.abs(self[name] - self.case.arrays[name]).max()
        names = ("tol_jit_vs_nojit", "tol_batch1_vs_batch", "cached_vs_teacher_forced_max_abs")
        seen = max(self.case.meta.get(f"fp16_{name}", 0.0) for name in names)
        return max(2 * rounding, 4 * seen)

    def guided_tolerance(self, scale: float) -> float:
        """The same for guided logits, where the differences of both halves are multiplied.

        In float32 each half may use a fifth of the plain tolerance: at a scale of 10 the recorded
        numbers are already 1.0e-4 from those of a float64 computation.
        """
        each = max(self.tolerance("logits"), self.tolerance("logits_uncond"))
        if self.dtype == "float32":
            return max(each, each / 5 * (2 * scale - 1))
        return each * (2 * scale - 1)


def find_cases(root: Path) -> list[Case]:
    """Every case in the directory `root`, by name."""
    if not root.is_dir():
        raise pytest.UsageError(f"--golden {root}: no such directory")
    hidden = (".", "__")
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(hidden))
    if not folders:
        raise pytest.UsageError(f"--golden {root}: holds no case")
    return [Case(folder) for folder in folders]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test every case of the kind that its argument names; a `run` is one in one dtype."""
    root = metafunc.config.getoption("golden")
    for name in metafunc.fixturenames:
        if name == "run":
            runs = _runs(find_cases(root))
            ids = [f"{run.case.directory.name}-{run.dtype}" for run in runs]
            metafunc.parametrize(name, runs, ids=ids)
        elif name.endswith("_case"):
            kind = name.removesuffix("_case")
            chosen = [case for case in find_cases(root) if kind in ("any", case.kind)]
            metafunc.parametrize(name, chosen, ids=[case.directory.name for case in chosen])


def _runs(cases: list[Case]) -> list[Run]:
    runs = []
    for case in cases:
        if case.kind == "transformer":
            runs.append(Run(case, "float32"))
            if any(name.startswith("fp16_") for name in case.arrays):
                runs.append(Run(case, "float16"))
    return runs
