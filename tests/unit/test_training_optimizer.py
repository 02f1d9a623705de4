"""Schedules and optimizers, against optax's own and against what they promise."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from trainings import RUN

from dalle_mini.errors import ConfigError
from dalle_mini.training import transformer
from dalle_mini.training.optimizer import OptimizerConfig, accumulate_gradients, build_optimizer, learning_rate
from dalle_mini.training.runfile import read_run_file

pytestmark = pytest.mark.usefixtures("quick_compiles")

CONFIG = functools.partial(OptimizerConfig, steps=100, batch_size=1, learning_rate=1.0, warmup_steps=10)


def rates(schedule: str) -> np.ndarray:
    config = CONFIG(schedule=schedule, decay_steps=20)
    return np.array([learning_rate(config, step) for step in range(100)])


def test_schedules_are_those_of_optax() -> None:
    steps = np.arange(100)
    warm = optax.linear_schedule(0.1, 1.0, 9)
    for schedule, after in (
        ("constant", optax.constant_schedule(1.0)),
        ("linear", optax.linear_schedule(1.0, 0.0, 90)),
        ("cosine", optax.cosine_decay_schedule(1.0, 90)),
        ("trapezoid", optax.join_schedules([optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 20)], [70])),
    ):
        expected = optax.join_schedules([warm, after], [10])
        assert np.allclose(rates(schedule), [expected(step) for step in steps], atol=1e-6), schedule


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_every_optimizer_descends_and_decays_matrices_alone(name: str) -> None:
    config = CONFIG(name=name, warmup_steps=0, schedule="constant", learning_rate=0.05, weight_decay=0.1)
    optimizer = build_optimizer(config)
    target = jax.random.normal(jax.random.key(0), (6, 4))
    params = {"kernel": jnp.zeros((6, 4)), "scale": jnp.ones(4), "unused/kernel": jnp.ones((2, 3, 4))}

    def loss(params):
        return jnp.mean((params["kernel"] * params["scale"] - target) ** 2)

    state, first = optimizer.init(params), loss(params)
    for _ in range(40):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        params = jax.tree.map(jnp.add, params, updates)
    assert loss(params) < 0.5 * first
    # Nothing but weight decay pulls at the unused stack: 1 - rate × decay a step.
    assert np.allclose(params["unused/kernel"], (1 - 0.05 * 0.1) ** 40, atol=1e-3)


def test_muons_update_of_a_stack_is_that_of_each_matrix() -> None:
    optimizer = build_optimizer(CONFIG(name="muon", schedule="constant", warmup_steps=0, weight_decay=0.0))
    stack = jax.random.normal(jax.random.key(0), (2, 6, 4))

    def update(kernel: Any) -> Any:
        params = {"kernel": kernel}
        updates: Any = optimizer.update(params, optimizer.init(params), params)[0]
        return updates["kernel"]

    assert np.allclose(update(stack), jnp.stack([update(kernel) for kernel in stack]), atol=1e-5)
    singular = np.linalg.svd(update(stack)[0], compute_uv=False)
    assert singular.max() < 2 * singular.min()  # nearly orthogonal


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tmp_path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    whole, parts = (
        transformer.read_sections(read_run_file(path, ["learning.dropout=0.0", f"optimizer.accumulate={count}"]))
        for count in (1, 4)
    )
    random = np.random.default_rng(0)
    shapes = transformer.batch_shapes(whole)
    arrays = {name: jnp.asarray(random.integers(0, 60, shape.shape), shape.dtype) for name, shape in shapes.items()}
    arrays["mask"] = arrays["mask"].at[:, 0].set(True)
    state = transformer.init_state(whole)
    ends = [jax.jit(functools.partial(transformer.train_step, sections=one))(state, arrays) for one in (whole, parts)]
    (first, metrics), (second, others) = ends
    assert np.isclose(metrics["loss"], others["loss"], rtol=1e-6)
    assert np.isclose(metrics["gradient_norm"], others["gradient_norm"], rtol=1e-5)
    moments = [jax.tree.leaves(end.optimizer) for end in (first, second)]
    assert all(np.allclose(a, b, rtol=1e-4, atol=1e-7) for a, b in zip(*moments, strict=True))


def test_metrics_beside_the_loss_are_averaged_too() -> None:
    def loss(params, rows, part):
        return jnp.mean(params["scale"] * rows["x"]), {"mean": jnp.mean(rows["x"]), "part": 1.0 * part}

    rows = {"x": jnp.arange(12.0)}
    (value, metrics), gradient = accumulate_gradients(loss, {"scale": jnp.float32(2)}, rows, 3)
    assert (float(value), float(gradient["scale"])) == (11.0, 5.5)
    assert (float(metrics["mean"]), float(metrics["part"])) == (5.5, 1.0)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"name": "adam"}, "optimizer.name='adam'"),
        ({"schedule": "cosin"}, "optimizer.schedule='cosin'"),
        ({"accumulate": 3}, "does not divide into accumulate=3"),
        ({"warmup_steps": -1}, "warmup_steps=-1 must not be negative"),
        ({"beta2": 1.0}, "beta2=1.0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be above 0"),
    ],
)
def test_bad_fields_are_named(field: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        CONFIG(**{"batch_size": 4, **field})
    assert "cosin'" not in message or "'cosine'" in caught.value.hint
