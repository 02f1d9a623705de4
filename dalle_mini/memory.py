"""Whether there is room for a drawing, by the sizes of what takes part in it, before it is begun.

Weights are loaded by then, so what is free is what they leave. Pictures are drawn a batch at a time: keys, values and
the VQGAN's workspace are those of one batch, and only the finished pixels grow with the number of candidates.
"""

import dataclasses
from pathlib import Path

import jax

from dalle_mini.config import GenerationConfig, TransformerConfig, VQGANConfig
from dalle_mini.errors import ConfigError

_ACTIVATIONS = 6
"""Arrays of the VQGAN's full resolution that are alive at once: input and output of a block, its norms in float32."""
_LOGIT_COPIES = 3
_PIXEL_COPIES = 3
"""Of finished pictures: their bytes, those of the pictures made of them, and the file that is written."""


@dataclasses.dataclass(frozen=True)
class Need:
    """Bytes: `batch` on the device while a batch is drawn, `candidate` on the machine for each that is finished."""

    batch: int
    candidate: int


@dataclasses.dataclass(frozen=True)
class Free:
    """Bytes that are free; None where that can't be told. `is_shared` where device and machine have the same."""

    device: int | None
    machine: int | None
    is_shared: bool


def estimate(
    config: TransformerConfig,
    vqgan: VQGANConfig,
    settings: GenerationConfig,
    *,
    lanes: int,
    texts: int = 1,
    itemsize: int,
) -> Need:
    """What drawing `lanes` pictures of `texts` prompts at a time takes, with numbers of `itemsize` bytes."""
    prompts = 1 if settings.guidance_scale == 1 else 2
    position = 2 * config.decoder_layers * config.d_model * itemsize
    caches = prompts * position * (lanes * config.image_length + texts * config.max_text_length)
    logits = prompts * lanes * config.decoder_vocab_size * 4 * _LOGIT_COPIES
    decoder = vqgan.decoder_sizes
    cells = (config.image_length * vqgan.downsampling**2) // decoder.patch_size**2
    workspace = cells * decoder.ch * max(decoder.ch_mult[:2]) * 4 * _ACTIVATIONS
    pixels = 3 * config.image_length * vqgan.downsampling**2
    return Need(caches + logits + workspace, pixels * _PIXEL_COPIES + 4 * config.image_length)


def find_free() -> Free:
    """What is free now on the first device and on this machine."""
    machine = _free_here()
    if jax.default_backend() == "cpu":
        return Free(machine, machine, is_shared=True)
    stats = jax.local_devices()[0].memory_stats() or {}
    device = stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None
    return Free(device, machine, is_shared=False)


def require_room(need: Need, free: Free, settings: GenerationConfig) -> None:
    """ConfigError where a batch, or all candidates, find no room."""
    candidates = settings.candidates or settings.images
    if free.device is not None and need.batch > free.device:
        raise ConfigError(
            f"a batch of pictures needs about {_amount(need.batch)}, and {_amount(free.device)} are free",
            hint="close what else takes memory, or use a smaller model",
        )
    if free.machine is None:
        return
    left = free.machine - (need.batch if free.is_shared else 0)
    if need.candidate * candidates > left:
        raise ConfigError(
            f"candidates={candidates} need about {_amount(need.candidate * candidates)}, and {_amount(left)} are free",
            hint=f"draw at most {max(left // need.candidate, 0)}, or close what else takes memory",
        )


def _free_here() -> int | None:
    """What programs may still take of this machine, or of the container that this one runs in."""
    found = [count for count in (_read_available(Path("/proc/meminfo")), _read_group(Path("/sys/fs/cgroup"))) if count]
    return min(found, default=None)


def _read_available(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _read_group(folder: Path) -> int | None:
    """What a container's limit (cgroup v2) leaves; file contents that can be dropped count as free."""
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        stats = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(limit) - int(used) + int(stats.get("inactive_file", 0))
    except (OSError, ValueError):  # no such files, or no limit: "max"
        return None


def _amount(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
