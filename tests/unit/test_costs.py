"""Drawing does no more work than it did: what its programs cost, how many are compiled, what leaves the device."""

import collections
import json
from collections.abc import Iterator
from typing import Any

import costs
import jax
import numpy as np
import pytest
from doubles import IMAGE_LENGTH, IMAGE_SIZE, make_tiny_model

import dalle_mini
from dalle_mini import pipeline
from dalle_mini.drawing import LANES, chunk_length
from dalle_mini.pipeline import DalleMini

TOLERANCE = {"operations": 1.02, "bytes": 1.02, "workspace": 1.5}
"""How a workspace is laid out is the compiler's choice, but a copy of the cache would be many times it."""

PROGRAMS = ("jit(read)", "jit(start)", "jit(_advance)", "jit(decode_pixels)")
IMAGES = 2 * LANES + 2
BATCHES = 3
CHUNKS = IMAGE_LENGTH // chunk_length(IMAGE_LENGTH)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> DalleMini:
    return dalle_mini.load(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture
def compiled() -> Iterator[collections.Counter[str]]:
    """How often every program was compiled, or read from where compiled ones are kept."""
    counts: collections.Counter[str] = collections.Counter()

    def note(event: str, duration_secs: float, **about: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            counts[about["fun_name"]] += 1

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(note)
    yield counts
    jax.monitoring.unregister_event_duration_listener(note)


def test_no_program_costs_more_than_was_recorded() -> None:
    recorded = json.loads(costs.RECORDED.read_text())["costs"]
    grown = [
        f"{program}: {found:,.0f} {figure}, recorded {recorded[program][figure]:,.0f}"
        for program, figures in costs.measure().items()
        for figure, found in figures.items()
        if found > TOLERANCE[figure] * recorded[program][figure]
    ]
    assert not grown, f'{grown}; if that is wanted: python -m tests.costs "why"'


def test_a_drawing_compiles_its_programs_once_and_another_one_none(
    model: DalleMini, compiled: collections.Counter[str]
) -> None:
    model.generate("a red car", images=IMAGES, seed=1)
    programs = {name: compiled.pop(name) for name in list(compiled) if name in PROGRAMS}
    assert programs == dict.fromkeys(PROGRAMS, 1)
    assert compiled.total() < 12, "JAX compiles a little for what is done outside of programs"
    compiled.clear()
    model.generate("two dogs in the snow", images=5, seed=2, temperature=0.5, top_k=7, top_p=0.9, guidance_scale=2.0)
    assert not compiled


def test_only_tokens_and_finished_pixels_leave_the_device(model: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: collections.Counter[tuple[int, ...]] = collections.Counter()
    asarray = np.asarray

    def watch(array: Any, *args: Any, **options: Any) -> np.ndarray:
        if isinstance(array, jax.Array):
            fetched[array.shape] += 1
        return asarray(array, *args, **options)

    monkeypatch.setattr(pipeline.np, "asarray", watch)
    model.generate("a red car", images=IMAGES, seed=1)
    assert fetched == {(LANES, IMAGE_LENGTH): BATCHES * CHUNKS, (IMAGE_SIZE, IMAGE_SIZE, 3): IMAGES}
