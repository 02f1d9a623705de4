"""Training a VQGAN: every term against its formula, when the discriminator acts, dead codes, and exact resumption."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doubles import draw_params
from sets import write_pictures
from trainings import read_save, saved_steps, stop_at

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.store import load_perceptual, load_vqgan, save_perceptual, save_vqgan
from dalle_mini.config import PerceptualConfig
from dalle_mini.errors import CheckpointError, ConfigError
from dalle_mini.models import discriminator, perceptual, vqgan
from dalle_mini.training import loop
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.saves import Saves
from dalle_mini.training.state import TrainState, name_leaves
from dalle_mini.training.vqgan import LossConfig, VQGANTask, reconstruction_loss

pytestmark = pytest.mark.usefixtures("quick_compiles")

RUN = """
[data]
pictures = "PLACE/pictures"
[model]
ch = 8
ch_mult = [1, 2]
num_res_blocks = 1
attn_resolutions = []
resolution = 16
z_channels = 8
embed_dim = 4
n_embed = 24
patch_size = 2
norm_groups = 4
[losses]
perceptual = "PLACE/features"
perceptual_weight = 0.1
[codebook]
plain_steps = 2
dead_below = 0.2
[adversary]
weight = 0.5
start_step = 3
[discriminator]
ch = 8
num_layers = 2
norm_groups = 4
[optimizer]
steps = 100
batch_size = 8
learning_rate = 3e-3
warmup_steps = 2
decay_steps = 4
ema_decay = 0.9
"""
FEATURES = PerceptualConfig(widths=(4, 6), num_blocks=1, num_words=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Thirty-two pictures of two-colored halves, and an untrained perceptual network."""
    place = tmp_path_factory.mktemp("vqgan")
    colors = np.random.default_rng(0).integers(0, 256, size=(32, 2, 1, 1, 3), dtype=np.uint8)
    halves = [np.broadcast_to(colors[:, side], (32, 16, 8, 3)) for side in (0, 1)]
    write_pictures(place / "pictures", np.concatenate(halves, axis=2), ["halves"] * 32)
    params = draw_params(jax.eval_shape(lambda: perceptual.init(jax.random.key(0), FEATURES)))
    save_perceptual(place / "features", FEATURES, params, ("one", "two"))
    return place


def make_task(place, *overrides: str) -> VQGANTask:
    path = place / "run.toml"
    path.write_text(RUN.replace("PLACE", str(place)))
    return VQGANTask(read_run_file(path, overrides))


class Stepper:
    """A task whose step is compiled once, and a state before the first step, the same for all tasks.

    Its parameters are drawn by NumPy: compiling the draws of `init` takes longer than all the steps.
    """

    def __init__(self, task: VQGANTask) -> None:
        self.task = task
        self._step = jax.jit(task.train_step)
        fresh = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(task.init))
        params, adversary = draw_params(fresh.params), fresh.extra.adversary
        if adversary:
            adversary = dataclasses.replace(adversary, params=draw_params(adversary.params))
        extra = dataclasses.replace(fresh.extra, adversary=adversary)
        self.fresh = dataclasses.replace(fresh, params=params, average=params, extra=extra)

    def take(self, state: TrainState, last: int) -> tuple[TrainState, list[dict[str, float]]]:
        """The state after step `last`, and the metrics of every step from `state` on."""
        metrics, batches = [], self.task.batches(int(state.step))
        while int(state.step) < last:
            state, found = self._step(state, next(batches).arrays)
            metrics.append({name: float(value) for name, value in found.items()})
        return state, metrics


@pytest.fixture(scope="module")
def competing(place) -> Stepper:
    return Stepper(make_task(place))


@pytest.fixture(scope="module")
def alone(place) -> Stepper:
    """The same without a discriminator."""
    return Stepper(make_task(place, "adversary.weight=0"))


def test_the_reconstruction_loss_is_that_of_numpy(place) -> None:
    random = np.random.default_rng(1)
    redrawn, pixels = random.random((2, 3, 16, 16, 3), np.float32)
    apart = redrawn - pixels
    edges = sum(np.abs(np.diff(apart, axis=axis)).mean() for axis in (1, 2))
    config, params = load_perceptual(place / "features")
    distance = functools.partial(perceptual.distance, params, config)
    losses = LossConfig(squared_weight=3.0, edge_weight=0.5, perceptual="somewhere", perceptual_weight=0.7)
    seen = float(np.mean(distance(jnp.asarray(redrawn), jnp.asarray(pixels))))
    total, metrics = reconstruction_loss(jnp.asarray(redrawn), jnp.asarray(pixels), losses, distance)
    assert np.isclose(total, np.abs(apart).mean() + 3 * (apart**2).mean() + 0.5 * edges + 0.7 * seen, rtol=1e-5)
    assert np.isclose(metrics["psnr"], 10 * np.log10(1 / (apart**2).mean()), rtol=1e-5)


def test_the_adversarial_weight_is_the_ratio_of_gradients_at_the_last_layer(competing: Stepper) -> None:
    task = competing.task
    state, _ = competing.take(competing.fresh, 4)
    _, (metrics,) = competing.take(state, 5)
    pixels = jnp.asarray(next(task.batches(4)).arrays["pixels"], jnp.float32) / 255
    tokens = vqgan.encode(state.params, task.config, pixels)

    def redraw(kernel):
        decoder = state.params["decoder"]
        decoder = {**decoder, "conv_out": {**decoder["conv_out"], "kernel": kernel}}
        return vqgan.decode({**state.params, "decoder": decoder}, task.config, tokens)

    def reconstruction(kernel):
        return reconstruction_loss(redraw(kernel), pixels, task.losses, task._distance)[0]

    def adversarial(kernel):
        sizes = task.sections["discriminator"]
        return -discriminator.score_patches(state.extra.adversary.params, sizes, redraw(kernel)).mean()

    kernel = state.params["decoder"]["conv_out"]["kernel"]
    norms = [float(jnp.linalg.norm(jax.jit(jax.grad(loss))(kernel).ravel())) for loss in (reconstruction, adversarial)]
    assert np.isclose(metrics["adversarial_weight"], 0.5 * norms[0] / (norms[1] + 1e-6), rtol=1e-3)
    assert np.isclose(metrics["adversarial"], adversarial(kernel), rtol=1e-3, atol=1e-6)


def test_the_discriminator_does_not_act_before_its_start(competing: Stepper, alone: Stepper) -> None:
    waiting, metrics = competing.take(competing.fresh, 3)
    without, _ = alone.take(alone.fresh, 3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), waiting.params, without.params)
    before, after = (jax.tree.leaves(state.extra.adversary) for state in (competing.fresh, waiting))
    assert all(map(np.array_equal, before, after))
    assert all(step["adversarial_weight"] == 0 for step in metrics)


def test_the_discriminator_acts_and_learns_from_its_start_on(competing: Stepper, alone: Stepper) -> None:
    acted, metrics = competing.take(competing.fresh, 4)
    without, _ = alone.take(alone.fresh, 4)
    kernels = [state.params["decoder"]["conv_out"]["kernel"] for state in (acted, without)]
    assert float(jnp.abs(kernels[0] - kernels[1]).max()) > 1e-5
    before, after = (jax.tree.leaves(state.extra.adversary.params) for state in (competing.fresh, acted))
    assert not any(map(np.array_equal, before, after))
    assert metrics[-1]["adversarial_weight"] > 0 and metrics[-1]["discriminator_loss"] > 0


def test_terms_of_weight_nothing_are_not_there(place) -> None:
    task = make_task(place, "losses.perceptual_weight=0", "adversary.weight=0")
    state = jax.eval_shape(task.init)
    assert not [name for name in name_leaves(state) if "adversary" in name]
    _, metrics = jax.eval_shape(task.train_step, state, {"pixels": jnp.zeros((8, 16, 16, 3), jnp.uint8)})
    assert not {"perceptual", "adversarial", "discriminator_loss"} & metrics.keys()


def test_a_short_run_learns(alone: Stepper) -> None:
    _, metrics = alone.take(alone.fresh, 100)
    assert metrics[-1]["psnr"] > metrics[0]["psnr"] + 4
    assert metrics[-1]["perceptual"] < metrics[0]["perceptual"]
    assert 1 < metrics[-1]["code_perplexity"] <= 24 and 0 < metrics[-1]["codes_in_use"] <= 1


def test_a_code_that_is_far_from_everything_is_revived(alone: Stepper) -> None:
    state, _ = alone.take(alone.fresh, 3)
    codes = state.extra.codes
    lost = dataclasses.replace(codes, counts=codes.counts.at[0].set(0.3), sums=codes.sums.at[0].set(300.0))
    params = {**state.params, "quantize": {"embedding": {"embedding": lost.codebook}}}
    state = dataclasses.replace(state, params=params, extra=dataclasses.replace(state.extra, codes=lost))
    state, metrics = alone.take(state, 4)
    assert metrics[0]["moved_codes"] >= 1
    books = [np.asarray(leaf) for name, leaf in name_leaves(state).items() if name.endswith("embedding/embedding")]
    assert len(books) >= 2 and all(np.abs(book[0]).max() < 100 for book in books)


def test_a_resumed_run_goes_on_as_an_unbroken_one(competing: Stepper, tmp_path) -> None:
    whole, metrics = competing.take(competing.fresh, 8)
    middle, _ = competing.take(competing.fresh, 5)
    saves = Saves(tmp_path / "saves", keep=1, keep_every=0)
    saves.save(middle)
    saves.close()
    saves = Saves(tmp_path / "saves", keep=1, keep_every=0)
    restored = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), saves.restore(competing.fresh))
    saves.close()
    resumed, last = competing.take(restored, 8)
    assert last == metrics[5:]
    leaves, others = name_leaves(whole), name_leaves(resumed)
    assert "extra/adversary/params/conv_out/kernel" in leaves and leaves.keys() == others.keys()
    assert all(np.array_equal(leaf, others[name]) for name, leaf in leaves.items())


@pytest.fixture(scope="module")
def start(place) -> Params:
    """A VQGAN to begin with, saved as `start`."""
    config = make_task(place).config
    params = draw_params(jax.eval_shape(lambda: vqgan.init(jax.random.key(0), config)))
    save_vqgan(place / "start", config, params)
    return params


START = (
    'learning.start_from="PLACE/start"',
    "codebook.plain_steps=0",
    "losses.perceptual_weight=0",
    "adversary.weight=0",
)


def start_stepper(place, *overrides: str) -> tuple[Stepper, TrainState]:
    """A task that begins with the saved weights, and its state before the first step."""
    stepper = Stepper(make_task(place, *(text.replace("PLACE", str(place)) for text in START), *overrides))
    weights = stepper.task.start_weights
    extra = jax.jit(stepper.task.init)().extra
    return stepper, dataclasses.replace(stepper.fresh, params=weights, average=weights, extra=extra)


def test_a_run_that_starts_from_weights_keeps_their_codebook(place, start) -> None:
    stepper, fresh = start_stepper(place)
    state, (metrics,) = stepper.take(fresh, 1)
    before, after = (params["quantize"]["embedding"]["embedding"] for params in (start, state.params))
    assert metrics["moved_codes"] == 0
    stayed = np.abs(np.asarray(after - before)).max(axis=1) < 1e-5  # those that nothing chose
    assert stayed.any() and not stayed.all()


def test_training_the_decoder_leaves_every_token_as_it_is(place, start) -> None:
    stepper, fresh = start_stepper(place, 'learning.part="decoder"')
    state, metrics = stepper.take(fresh, 30)
    for params in (state.params, state.average):
        assert params
        for name in ("encoder", "quant_conv", "quantize"):
            assert all(map(np.array_equal, jax.tree.leaves(params[name]), jax.tree.leaves(start[name])))
    assert metrics[-1]["psnr"] > metrics[0]["psnr"] + 1


def test_a_decoder_of_other_sizes_begins_afresh_on_the_same_tokens(place, start) -> None:
    stepper, fresh = start_stepper(
        place,
        'learning.part="decoder"',
        "model.decoder_ch=8",
        "model.decoder_ch_mult=[1]",
        "model.decoder_patch_size=4",
    )
    state, metrics = stepper.take(fresh, 30)
    config = stepper.task.config
    pixels = jnp.asarray(next(stepper.task.batches(0)).arrays["pixels"], jnp.float32) / 255
    expected = vqgan.encode(start, make_task(place).config, pixels)
    assert np.array_equal(vqgan.encode(state.params, config, pixels), expected)
    assert config.decoder_sizes.patch_size == 4 and config.decoder_sizes.ch_mult == (1,)
    assert metrics[-1]["psnr"] > metrics[0]["psnr"] + 1


def test_a_run_that_is_stopped_ends_as_an_unbroken_one_in_what_loads(place, tmp_path) -> None:
    overrides = ("losses.perceptual_weight=0", "adversary.weight=0", "optimizer.steps=6")
    whole, broken = (tmp_path / name for name in ("whole", "broken"))
    loop.run(make_task(place, *overrides), whole)
    stopped = make_task(place, *overrides)
    stopped.batches = functools.partial(stop_at, 3, stopped.batches)
    loop.run(stopped, broken)
    assert saved_steps(broken) == [4] and not (broken / "model").exists()
    loop.run(make_task(place, *overrides), broken)
    expected, found = read_save(whole, 6), read_save(broken, 6)
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)
    config, params = load_vqgan(broken / "model")
    assert config.n_embed == 24 and (broken / "samples-final.png").exists()
    average = found["average/quantize/embedding/embedding"]
    assert np.array_equal(params["quantize"]["embedding"]["embedding"], average)


@pytest.mark.parametrize(
    ("override", "error", "message", "hint"),
    [
        ("losses.perceptual_wieght=1", ConfigError, "perceptual_wieght", "perceptual_weight"),
        ("adversary.start=1", ConfigError, "'start'", "start_step"),
        ("discriminator.layers=1", ConfigError, "'layers'", "num_layers"),
        ("loses.edge_weight=1", ConfigError, "loses", "losses"),
        ("losses.edge_weight=-1", ConfigError, "edge_weight", ""),
        ('losses.perceptual=""', ConfigError, "names no network", "train features"),
        ('losses.perceptual="nowhere"', CheckpointError, "nowhere", ""),
        ("discriminator.num_layers=3", ConfigError, "too small for the discriminator, which needs 24", "layers"),
        ('learning.part="head"', ConfigError, "'head'", "decoder"),
        ("model.decoder_patch_size=4", ConfigError, "decoder_patch_size=4 makes cells of 8 pixels", ""),
        ('learning.start_from="nowhere"', ConfigError, "plain_steps=2", "set it to 0"),
        ("optimizer.accumulate=2", ConfigError, "accumulate", "batch_size"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place, override, error, message, hint) -> None:
    with pytest.raises(error, match=message) as caught:
        make_task(place, override)
    assert hint in caught.value.hint
