"""A model of one's own: a release that learns the words of a folder of captioned pictures.

Tokenizer and VQGAN stay as they are; the transformer is trained further. Half of every batch are the new pictures, half
pictures that the release itself drew beforehand, so that it does not forget what it knew (rehearsal: Robins 1995,
"Catastrophic forgetting, rehearsal and pseudorehearsal"). A folder of work in the user's data directory lets the same
call go on where an earlier one was stopped; it goes when the model is kept.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.checkpoints.releases import ResolvedRelease, available_releases, home, resolve
from dalle_mini.checkpoints.staging import output_errors, write_whole
from dalle_mini.checkpoints.store import convert, load_transformer, save_transformer
from dalle_mini.config import check_seed
from dalle_mini.data.build import BuildConfig, build_pictures
from dalle_mini.data.encode import Encoder, encode_pictures, tokenizer_digest
from dalle_mini.data.manifest import Manifest
from dalle_mini.data.records import pack_tokens
from dalle_mini.data.shards import RecordSet, RecordWriter
from dalle_mini.data.sources import open_source
from dalle_mini.errors import Cancelled, ConfigError, DataError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.loading import load
from dalle_mini.pipeline import DalleMini
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.training import loop
from dalle_mini.training.transformer import TransformerTask

PROMPTS = "prompts.txt"
"""In a release's folder: prompts that it knows, one a line."""
SHEET = "before-after.png"
ORDER = "order.json"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REHEARSED = 128
# Without guidance or filters: what is rehearsed has to be what the model itself would say.
_AS_IT_IS = {"images": 9, "guidance_scale": 1.0, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
_SHOWN = 3
_LICENCES = ("NOTICE*", "LICEN[CS]E*", "*-2.0.txt")

Show = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done."""


@dataclasses.dataclass(frozen=True)
class Finetuning:
    """What is to be learned, from which release, and the name to keep it under; ConfigError if it can't be."""

    pictures: Path
    name: str
    base: str = "nano"
    steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            hint = "use small letters, digits, dots and dashes, such as my-cats"
            raise ConfigError(f"{self.name!r} can't be the name of a model", hint=hint)
        if self.name in {release.name for release in available_releases()}:
            folder = home() / "models" / self.name
            hint = f"choose another name, or delete {folder}" if folder.exists() else "choose another name"
            raise ConfigError(f"there is a model {self.name!r} already", hint=hint)
        check_seed(self.seed)
        if self.steps < 1:
            raise ConfigError(f"steps={self.steps!r} must be at least 1")

    @property
    def work(self) -> Path:
        return home() / "finetuning" / self.name


@dataclasses.dataclass(frozen=True)
class Kept:
    """A finished model; `named` of its `pictures` were captioned by the names of their files and folders, and
    `left_out` counts those that it could not learn from, by reason."""

    folder: Path
    pictures: int
    named: int
    rehearsed: int
    left_out: dict[str, int]


def finetune(order: Finetuning, show: Show) -> Kept:
    """Build, encode, rehearse, train and keep; raises DalleMiniError."""
    base = resolve(order.base)
    model = load(order.base, safety=UNCHECKED).without_ranker()
    _claim(order)
    pictures = _build(order, model, show)
    tokens = _encode(order, base, model, pictures, show)
    rehearsed = _rehearse(order, base, model, show)
    prompts = _choose_prompts(tokens)
    task = TransformerTask(_describe_run(order, base, model, rehearsed))
    loop.run(task, order.work / "run", show=lambda standing: show("learning", standing.step / standing.steps))
    if not (order.work / "run" / "model").exists():
        raise Cancelled("stopped while learning", hint="the same command goes on from there")
    folder = _keep(order, base, model, prompts)
    left_out = {reason: found.count for reason, found in pictures.manifest.dropped.items()}
    return Kept(folder, len(tokens), pictures.manifest.named, rehearsed, left_out)


def _claim(order: Finetuning) -> None:
    """Note in the folder of work what it is for; ConfigError if it is for something else."""
    path = order.work / ORDER
    wanted = {"pictures": str(order.pictures.absolute()), "from": order.base, "files": _list_files(order.pictures)}
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise ConfigError(f"can't read {path}: {error}", hint=f"delete {order.work} to begin anew") from error
    if found not in (None, wanted):
        changed = ", ".join(name for name in wanted if found.get(name) != wanted[name])
        message = f"{order.name!r} was begun with other {changed} than now, and stopped before it was finished"
        raise ConfigError(message, hint=f"go on as it was begun, choose another name, or delete {order.work}")
    with output_errors(order.work):
        order.work.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(wanted).encode())


def _list_files(pictures: Path) -> str:
    """One SHA-256 of the names, sizes and times of what is to be learned from."""
    digest = hashlib.sha256()
    for path in sorted(pictures.rglob("*")) if pictures.is_dir() else [pictures]:
        with contextlib.suppress(OSError):  # a link to nowhere, or a file that just went
            found = path.stat()
            line = os.fsencode(path.relative_to(pictures)) + f"\0{found.st_size} {found.st_mtime_ns}\n".encode()
            digest.update(line)
    return digest.hexdigest()


def _build(order: Finetuning, model: DalleMini, show: Show) -> RecordSet:
    out = order.work / "pictures"
    # Pictures of one thing look alike: none is left out for that.
    config = BuildConfig(
        resolution=model.vqgan_config.resolution, min_side=8, caption_from_names=True, keep_duplicates=True
    )
    try:
        source = open_source(order.pictures)
        build_pictures(source, out, config, on_progress=lambda share, _: show("reading pictures", share))
    except DataError:
        if not out.exists():  # nothing was begun: the name is free for another folder
            shutil.rmtree(order.work)
        raise
    return RecordSet.open(out, "pictures")


def _encode(order: Finetuning, base: ResolvedRelease, model: DalleMini, pictures: RecordSet, show: Show) -> RecordSet:
    out = order.work / "tokens"
    tokenizer = model.tokenizer
    encoder = Encoder(base.vqgan, base.tokenizer, max_text_length=tokenizer.max_length, normalize=tokenizer.normalize)
    encode_pictures(pictures, out, encoder, on_progress=lambda share, _: show("encoding pictures", share))
    return RecordSet.open(out, "tokens")


def _rehearse(order: Finetuning, base: ResolvedRelease, model: DalleMini, show: Show) -> int:
    """Write the token set of what the release draws for prompts that it knows; how many rows, 0 where it names none."""
    prompts = _read_prompts(base)[:_REHEARSED]
    if not prompts:
        return 0
    plan = Manifest(
        "tokens",
        settings={"drawn_by": model_digest(base.transformer), "seed": order.seed},
        text_length=model.tokenizer.max_length,
        image_length=model.config.image_length,
        vocab_size=model.tokenizer.vocab_size,
        codebook_size=model.vqgan_config.codebook_size,
        vqgan=model_digest(base.vqgan),
        tokenizer=tokenizer_digest(base.tokenizer),
        normalized=model.tokenizer.normalize,
    )
    writer = RecordWriter(order.work / "rehearsal", plan)
    if finished := writer.begin():
        return finished.count
    shard = writer.find(0) or writer.write(0, _draw_rows(order, model, prompts, show))
    return writer.finish([shard]).count


def _draw_rows(order: Finetuning, model: DalleMini, prompts: list[str], show: Show) -> Iterator[bytes]:
    text = model.tokenizer.encode(prompts).tokens
    for index, prompt in enumerate(prompts):
        show(f"rehearsing what {order.base} knows", index / len(prompts))
        for number, image in enumerate(model.generate(prompt, seed=order.seed, **_AS_IT_IS).tokens):
            yield pack_tokens(id=f"{index}/{number}", caption=prompt, text=text[index], image=image)


def _read_prompts(base: ResolvedRelease) -> list[str]:
    path = base.transformer / PROMPTS
    return [line for line in path.read_text("utf-8").splitlines() if line.strip()] if path.is_file() else []


def _choose_prompts(tokens: RecordSet) -> list[str]:
    """The shortest captions, which say most plainly what was learned."""
    captions = {fields["caption"].strip().lower() for fields in tokens.fields()}
    return sorted(captions, key=lambda caption: (len(caption), caption))


def _describe_run(order: Finetuning, base: ResolvedRelease, model: DalleMini, rehearsed: int) -> dict[str, Any]:
    """The tables of the run, as a run file would have them."""
    values = model.config.to_dict()
    return {
        "data": {
            "tokens": str(order.work / "tokens"),
            "rehearsal": str(order.work / "rehearsal") if rehearsed else "",
            "tokenizer": str(base.tokenizer),
            "vqgan": str(base.vqgan),
        },
        "model": {name: value for name, value in values.items() if name != "model_type"},
        "learning": {"start_from": str(base.transformer), "scan_layers": model.config.decoder_layers > 8},
        "optimizer": {
            "steps": order.steps,
            "batch_size": 32,
            "learning_rate": 1e-3,
            "warmup_steps": order.steps // 40,
            "decay_steps": order.steps // 2,
            "ema_decay": 0.99,
        },
        "loop": {"seed": order.seed, "save_every": 200, "sample_every": order.steps + 1},
    }


def _keep(order: Finetuning, base: ResolvedRelease, before: DalleMini, prompts: list[str]) -> Path:
    """Lay out the release in the folder of work and move it to where models are kept; the work goes."""
    release, target = order.work / "release", home() / "models" / order.name
    config, params = load_transformer(order.work / "run" / "model")
    companions = (base.tokenizer, base.transformer)
    save_transformer(release, config, params, dtype="float16", companions=companions, overwrite=True)
    convert(base.vqgan, release / "vqgan", overwrite=True)
    known = dict.fromkeys([*prompts[: _REHEARSED // 4], *_read_prompts(base)])
    write_whole(release / PROMPTS, "".join(f"{prompt}\n" for prompt in known).encode())
    write_whole(release / "MODEL_CARD.md", _write_card(order, base).encode())
    for path in (path for pattern in _LICENCES for path in base.transformer.glob(pattern)):
        write_whole(release / path.name, path.read_bytes())
    after = dataclasses.replace(before, name=order.name, config=config, params=params)
    _draw_sheet((before, after), prompts[:_SHOWN], release / SHEET)
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        release.rename(target)
        shutil.rmtree(order.work)
    return target


def _draw_sheet(models: Sequence[DalleMini], prompts: list[str], path: Path) -> None:
    """A row for every prompt: three pictures by each model, of the same seeds."""
    drawn = [model.generate(prompt, images=3, seed=0).images for prompt in prompts for model in models]
    save_png(compose_grid([image for images in drawn for image in images], columns=3 * len(models)), path)


def _write_card(order: Finetuning, base: ResolvedRelease) -> str:
    return f"""# {order.name}

{base.name}, trained further on the pictures in {order.pictures.name!r} for {order.steps} steps (seed {order.seed}) by
`dalle-mini finetune`. In {SHEET}, the pictures on the left are by {base.name}, those on the right by {order.name}.

Tokenizer and VQGAN are those of {base.name}, and so are the licences in this folder. The pictures that it learned from
are not here; whoever shares the model minds their licences.
"""
