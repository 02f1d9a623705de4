"""Picture checks: the network's arithmetic, verdicts, a second opinion, and blurred pictures."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doubles import draw_params
from PIL import Image

from dalle_mini.checkpoints.store import inspect, save_nsfw, verify
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.errors import CheckpointError, ConfigError
from dalle_mini.models import nsfw
from dalle_mini.safety.blur import blur
from dalle_mini.safety.pictures import BUNDLED, LANES, ClipChecker, NsfwChecker, PictureCheck
from dalle_mini.safety.verdict import Verdict

CONFIG = NsfwConfig(image_size=32, stem_width=8, widths=(4, 6), depths=(1, 2))


@pytest.fixture
def params():
    shapes = jax.eval_shape(lambda key: nsfw.init(key, CONFIG), jax.random.key(0))
    return draw_params(shapes, np.random.default_rng(0))


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (16 + n, 24, 3), dtype=np.uint8)) for n in range(LANES + 2)]


def convolve(x, leaf, stride: int = 1):
    """A convolution as a sum over shifts."""
    kernel, bias = (np.asarray(leaf[name], np.float64) for name in ("kernel", "bias"))
    size = kernel.shape[0]
    x = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0)))
    height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
    found = sum(
        x[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(size)
        for column in range(size)
    )
    return (found + bias)[:, ::stride, ::stride]


def numpy_score(params, pixels):
    """The network written out in float64."""
    hidden = (255 * np.asarray(pixels, np.float64) - nsfw.MEAN)[..., ::-1]
    hidden = np.maximum(convolve(hidden, params["stem"], 2), 0)
    padded = np.pad(hidden, ((0, 0), (0, 1), (0, 1), (0, 0)))
    height, width = hidden.shape[1:3]
    shifts = [padded[:, r : r + height - 1 : 2, c : c + width - 1 : 2] for r in range(3) for c in range(3)]
    hidden = np.max([shift[:, : height // 2, : width // 2] for shift in shifts], axis=0)
    for stage, depth in enumerate(CONFIG.depths):
        for block in range(depth):
            leaves = params[f"stage_{stage}"][f"layers_{block}"]
            stride = 2 if stage and not block else 1
            inner = np.maximum(convolve(hidden, leaves["conv_1"], stride), 0)
            inner = convolve(np.maximum(convolve(inner, leaves["conv_2"]), 0), leaves["conv_3"])
            beside = convolve(hidden, leaves["shortcut"], stride) if not block else hidden
            hidden = np.maximum(inner + beside, 0)
    logits = hidden.mean((1, 2)) @ params["head"]["kernel"] + params["head"]["bias"]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds[:, 1] / odds.sum(1)


def test_the_network_against_plain_numpy(params):
    pixels = np.random.default_rng(1).uniform(size=(3, 32, 32, 3)).astype(np.float32)
    small = jax.tree.map(lambda leaf: np.asarray(leaf) * 0.2, params)
    small["stem"]["kernel"] *= 0.02
    found = np.asarray(nsfw.score(small, CONFIG, jnp.asarray(pixels)))
    np.testing.assert_allclose(found, numpy_score(small, pixels), rtol=1e-3)
    assert np.ptp(found) > 1e-4


def test_a_checker_gives_a_verdict_a_picture(params, pictures):
    scores = NsfwChecker(CONFIG, params).scores(pictures)
    middle = float(np.median(scores))
    verdicts = NsfwChecker(CONFIG, params, threshold=middle).check(pictures)
    assert [verdict.score for verdict in verdicts] == [float(score) for score in scores]
    assert [verdict.flagged for verdict in verdicts] == [score >= middle for score in scores]
    assert all(bool(verdict.reason) == verdict.flagged for verdict in verdicts)
    assert NsfwChecker(CONFIG, params).check([]) == ()


def test_pictures_of_any_mode_and_shape_are_scored(params):
    images = [Image.new(mode, (5, 90), 3) for mode in ("L", "P", "1", "CMYK", "RGBA")]
    assert len(NsfwChecker(CONFIG, params).check(images)) == len(images)


def test_a_saved_network_is_verified_and_described(params, tmp_path):
    save_nsfw(tmp_path / "net", CONFIG, params)
    assert not verify(tmp_path / "net")
    assert inspect(tmp_path / "net").kind == "NSFW network"
    assert NsfwChecker.load(tmp_path / "net").config == CONFIG


def test_the_bundled_network_is_whole_and_small_enough():
    assert not verify(BUNDLED)
    assert max(path.stat().st_size for path in BUNDLED.iterdir()) < 10**7
    assert {"NOTICE", "BSD-2-Clause.txt", "Apache-2.0.txt"} <= {path.name for path in BUNDLED.iterdir()}


def test_a_checker_that_can_not_be_loaded_says_so(tmp_path):
    with pytest.raises(CheckpointError):
        NsfwChecker.load(tmp_path / "absent")
    folder = tmp_path / "cut"
    shutil.copytree(BUNDLED, folder)
    shard = folder / "model-00001-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(CheckpointError):
        NsfwChecker.load(folder)


@pytest.mark.parametrize(
    "values", [{"widths": [4]}, {"depths": [0, 1, 1, 1]}, {"widths": []}, {"stem_width": 0}, {"image_size": "large"}]
)
def test_sizes_that_no_network_has_are_refused(values):
    with pytest.raises(ConfigError):
        NsfwConfig.from_dict(values)


def test_a_config_survives_its_file():
    assert NsfwConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG


def unit(*rows) -> np.ndarray:
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_second_opinion_goes_by_the_nearest_description():
    checker = ClipChecker(lambda images: unit(*([[1, 0]] * len(images))), unsafe=unit([1, 0]), safe=unit([0, 1]))
    near, far = checker.check_embeddings(unit([1, 0.1], [0.1, 1]))
    assert near.flagged and near.reason and not far.flagged and not far.reason
    assert checker.check([Image.new("RGB", (4, 4))])[0].flagged


def test_descriptions_are_embedded_once():
    asked = []

    def embed(texts):
        asked.append(tuple(texts))
        return unit(*([[1, 2]] * len(texts)))

    checker = ClipChecker.describe(lambda images: unit([1, 1]), embed)
    checker.check_embeddings(unit([1, 1]))
    assert len(asked) == 2 and checker.unsafe.shape == (len(asked[0]), 2)


class Says:
    """A checker with a fixed opinion."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = verdicts

    def check(self, images):
        return self.verdicts[: len(images)]


def test_one_checker_is_enough_to_flag():
    images = [Image.new("RGB", (4, 4))] * 2
    sure, unsure = Verdict(True, 0.6, "because"), Verdict(False, 0.7)
    assert PictureCheck((Says(unsure, unsure), Says(sure, unsure))).check(images) == (sure, unsure)
    assert PictureCheck(()).check(images) == (Verdict(False, 0.0),) * 2
    assert PictureCheck((Says(),)).check([]) == ()


def test_the_rankers_opinion_is_asked_where_it_has_embedded_the_pictures():
    images = [Image.new("RGB", (4, 4))] * 2
    opinion = ClipChecker(lambda images: unit(*([[1, 0]] * len(images))), unsafe=unit([1, 0]), safe=unit([0, 1]))
    check = PictureCheck((Says(Verdict(False, 0.1), Verdict(False, 0.1)),), opinion)
    assert [verdict.flagged for verdict in check.check(images, unit([1, 0.1], [0.1, 1]))] == [True, False]
    assert not any(verdict.flagged for verdict in check.check(images))


def test_a_blurred_picture_shows_no_shape():
    """Black writing on white, and its mirror image: nearly alike once blurred, and neither is black."""
    rng = np.random.default_rng(0)
    pixels = np.where(rng.uniform(size=(96, 96, 1)) > 0.5, 255, 0).astype(np.uint8).repeat(3, -1)
    one, other = (np.asarray(blur(Image.fromarray(each)), np.float32) for each in (pixels, pixels[:, ::-1]))
    assert one.shape == pixels.shape
    assert np.abs(one - other).max() < 40 and one.std() < 15
    assert 90 < one.mean() < 165


def test_a_blurred_picture_keeps_its_colors_and_its_size():
    image = Image.new("RGB", (90, 60), "red")
    image.paste("blue", (45, 0, 90, 60))
    blurred = blur(image)
    assert blurred.size == image.size
    left, right = np.asarray(blurred)[30, [5, 85]]
    assert left[0] > 200 > 60 > left[2] and right[2] > 200 > 60 > right[0]
    assert np.asarray(blur(Image.new("RGB", (1, 1), "white"))).tolist() == [[[255, 255, 255]]]
