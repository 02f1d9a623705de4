"""Opening a release: everything that draws, from its files to a `DalleMini`."""

import logging
from pathlib import Path

import jax

from dalle_mini.checkpoints.card import declares_no_people
from dalle_mini.checkpoints.generation import read_generation
from dalle_mini.checkpoints.releases import RANKER, ResolvedRelease, resolve
from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.compilation import enable_compilation_cache
from dalle_mini.config import INT8
from dalle_mini.errors import CheckpointError
from dalle_mini.pipeline import DalleMini
from dalle_mini.ranking import Clip
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.safety.pictures import ClipChecker, PictureCheck, load_bundled
from dalle_mini.safety.prompts import DEFAULT_MODE
from dalle_mini.text.lexicon import Lexicon
from dalle_mini.text.tokenizer import Tokenizer

_logger = logging.getLogger(__name__)


def load(
    model: str = "nano",
    *,
    vqgan: str | None = None,
    tokenizer: str | None = None,
    ranker: str | None = None,
    dtype: str | None = None,
    offline: bool | None = None,
    safety: str | SafetyOptions = DEFAULT_MODE,
) -> DalleMini:
    """Load a release by name, a Hub id, or a directory; CheckpointError says what is wrong with it.

    `vqgan`, `tokenizer` and `ranker` are directories (or Hub ids) for checkpoints that come without their own. `dtype`
    is what numbers are computed in: float32 on a CPU and bfloat16 on an accelerator unless said otherwise; "int8" is
    for CPUs, and gives the transformer's kernels eight bits a weight. `safety` is "off", "family" or "strict", or
    options that say more.
    """
    safety = SafetyOptions(safety) if isinstance(safety, str) else safety
    enable_compilation_cache()
    found = resolve(model, vqgan=vqgan, tokenizer=tokenizer, offline=offline)
    dtype = dtype or ("float32" if jax.default_backend() == "cpu" else "bfloat16")
    config, params = load_transformer(found.transformer, dtype=dtype)
    computed = "float32" if dtype == INT8 else dtype
    vqgan_config, vqgan_params = load_vqgan(found.vqgan, dtype=computed)
    clip = _load_ranker(found, ranker, computed, offline)
    loaded = DalleMini(
        name=found.name,
        config=config,
        params=params,
        vqgan_config=vqgan_config,
        vqgan_params=vqgan_params,
        tokenizer=Tokenizer.from_directory(
            found.tokenizer, max_length=config.max_text_length, normalize=config.normalize_text
        ),
        defaults=read_generation(found.transformer),
        lexicon=Lexicon.from_directory(found.transformer),
        ranker=clip,
        safety=safety,
        check=_load_check(found, clip, safety.pictures),
    )
    return loaded if loaded.ranker else loaded.without_ranker()


def _load_ranker(found: ResolvedRelease, source: str | None, dtype: str, offline: bool | None) -> Clip | None:
    """The CLIP that was asked for, else the release's own, if it has one."""
    own = found.transformer / RANKER
    if source is None:
        return Clip.load(own, dtype=dtype, made_for=found.name) if own.is_dir() else None
    is_own = own.is_dir() and Path(source).expanduser().resolve() == own.resolve()
    return Clip.load(source, dtype=dtype, offline=offline, made_for=found.name if is_own else "")


def _load_check(found: ResolvedRelease, ranker: Clip | None, pictures: str) -> PictureCheck | None:
    """Who looks at the pictures of a release; nobody where that is not wanted, or not needed."""
    if pictures == "off" or (pictures == "auto" and declares_no_people(found.transformer)):
        return None
    try:
        checker = load_bundled()
    except CheckpointError as error:
        if pictures == "on":
            raise
        _logger.warning("the pictures of %s are not checked: %s", found.name, error)
        return None
    opinion = None
    if ranker and ranker.reads_any_words:
        opinion = ClipChecker.describe(ranker.embed_images, ranker.embed_text)
    return PictureCheck((checker,), opinion)
