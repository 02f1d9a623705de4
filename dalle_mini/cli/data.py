"""`dalle-mini data`: from captioned pictures to what a transformer is trained on."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.cli.extras import require_training
from dalle_mini.cli.parser import Options, add_command, add_group, number, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.sizes import format_bytes

if TYPE_CHECKING:
    from dalle_mini.data.inspection import Inspection
    from dalle_mini.data.manifest import Manifest
    from dalle_mini.data.rules import Check

_PICTURES = "a folder of pictures that `data build` made"
_BUILD_DETAILS = """\
SOURCE is a folder of pictures with a .txt file beside each; a table (.csv, .tsv,
.jsonl, .parquet) with a picture's path and its caption in every row; a tar file in
webdataset's layout, or a folder of those. Stopped, the same command goes on."""
_ENCODE_DETAILS = "Stopped, the same command goes on behind the last whole shard."
_SHOW_EVERY = 1000
_NAMES_SHOWN = 8


def add_parser(commands: Any) -> None:
    group = add_group(commands, "data", help="prepare pictures and captions for training")
    _add_build(group)
    _add_encode(group)
    _add_inspect(group)
    _add_tokenizer(group)


def _add_build(group: Any) -> None:
    parser = add_command(
        group, "build", run_build, help="make a picture set of captioned pictures", details=_BUILD_DETAILS
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="where the pictures and captions are")
    add("--out", metavar="DIR", required=True, help="a new folder for the set, or one that was begun")
    add("--resolution", type=whole_number, metavar="N", default=256, help="pixels a side (default: %(default)s)")
    add("--min-side", type=whole_number, metavar="N", help="least short side (default: half of the resolution)")
    add("--max-aspect", type=number, metavar="X", default=3.0, help="most long side by short (default: %(default)s)")
    add("--keep-duplicates", action="store_true", help="keep pictures that are there already: other captions of them")
    add(
        "--caption-from-names",
        action="store_true",
        help="caption pictures that have none with the words in their file's or folder's name",
    )
    add("--picture-column", metavar="NAME", help="the table's column of pictures (default: picture, image, file, …)")
    add("--caption-column", metavar="NAME", help="the table's column of captions (default: caption, text)")
    add("--clip", metavar="DIR", help="drop pictures whose caption this CLIP, in a folder or of a Hub id, finds unfit")
    add("--min-fit", type=number, metavar="X", default=0.3, help="least cosine of the two (default: %(default)s)")
    add("--licence", metavar="TEXT", default="unknown", help="of items that name none (default: %(default)s)")
    add("--source-name", metavar="TEXT", default="unknown", help="of items that name none (default: %(default)s)")
    add("--opt-out", metavar="FILE", help="a list of files, sources and words that must not be in the set")


def _add_encode(group: Any) -> None:
    parser = add_command(
        group, "encode", run_encode, help="turn captioned pictures into tokens", details=_ENCODE_DETAILS
    )
    add = parser.add_argument
    add("--pictures", metavar="DIR", required=True, help=_PICTURES)
    add("--vqgan", metavar="DIR", required=True, help="the VQGAN that sees the pictures")
    add("--tokenizer", metavar="DIR", required=True, help="the tokenizer that reads the captions")
    add(
        "--max-text-length",
        type=whole_number,
        metavar="N",
        required=True,
        help="text tokens of a caption, as in the transformer's config",
    )
    add("--normalize", action="store_true", help="normalize captions, as prompts will be")
    add("--out", metavar="DIR", required=True, help="a new folder for the token set, or one that was begun")


def _add_inspect(group: Any) -> None:
    parser = add_command(
        group,
        "inspect",
        run_inspect,
        help="say what a set holds",
        details="Reads all of it, and compares the digests of its files.",
    )
    add = parser.add_argument
    add("set", metavar="DIR", help="a folder that `data build` or `data encode` made")
    add("--sheet", metavar="OUT.png", help="also draw a sheet of its pictures, over a file that is there")
    add("--json", action="store_true", help="print one line of JSON")


def _add_tokenizer(group: Any) -> None:
    parser = add_command(
        group,
        "tokenizer",
        run_tokenizer,
        help="train a tokenizer on the normalized captions of pictures",
    )
    add = parser.add_argument
    add("--pictures", metavar="DIR", required=True, help=_PICTURES)
    add("--vocab-size", type=whole_number, metavar="N", required=True, help="tokens to learn")
    add("--out", metavar="DIR", required=True, help="the folder for the tokenizer's files")


def run_build(options: Options) -> int:
    require_training()
    from dalle_mini.data.build import build_pictures
    from dalle_mini.data.optout import OptOut
    from dalle_mini.data.rules import BuildConfig
    from dalle_mini.data.sources import open_source
    from dalle_mini.data.table import Columns

    config = BuildConfig(
        resolution=options.resolution,
        min_side=options.min_side,
        max_aspect=options.max_aspect,
        keep_duplicates=options.keep_duplicates,
        caption_from_names=options.caption_from_names,
        licence=options.licence,
        source=options.source_name,
    )
    columns = Columns(options.picture_column, options.caption_column, needed=not options.caption_from_names)
    source = open_source(options.source, columns)
    opt_out = OptOut.read(options.opt_out) if options.opt_out else None
    checks = _load_judges(options)
    with Progress("building") as bar:
        out = Path(options.out)
        made = build_pictures(source, out, config, opt_out=opt_out, checks=checks, on_progress=bar.count)
    if made.named:
        print(f"{made.named} captions are names of files or folders", file=sys.stderr)
    put_out(f"{options.out}: {made.count} pictures", *_describe_dropped(made))
    return 0


def _load_judges(options: Options) -> "list[Check]":
    if not options.clip:
        return []
    from dalle_mini.data.judges import judge_by_clip

    return [judge_by_clip(options.clip, options.min_fit)]


def run_encode(options: Options) -> int:
    require_training()
    from dalle_mini.data.encode import Encoder, encode_pictures
    from dalle_mini.data.shards import RecordSet

    pictures = RecordSet.open(options.pictures, "pictures")
    encoder = Encoder(
        options.vqgan, options.tokenizer, max_text_length=options.max_text_length, normalize=options.normalize
    )
    with Progress("encoding") as bar:
        bar.show(0)
        made = encode_pictures(pictures, Path(options.out), encoder, on_progress=bar.count)
    put_out(f"{options.out}: {made.count} pictures as tokens", *_describe_dropped(made))
    return 0


def run_inspect(options: Options) -> int:
    require_training()
    from dalle_mini.data.inspection import draw_sheet, inspect
    from dalle_mini.grid import save_png

    found = inspect(options.set)
    if options.sheet:
        save_png(draw_sheet(options.set), options.sheet)
    put_out(*([json.dumps(dataclasses.asdict(found))] if options.json else _describe(options.set, found)))
    return 0


def run_tokenizer(options: Options) -> int:
    require_training()
    from dalle_mini.text.vocabulary import train_tokenizer

    with Progress("reading captions") as bar:
        captions = _read_captions(Path(options.pictures), bar)
        size = train_tokenizer(captions, options.vocab_size, options.out)
    put_out(f"{options.out}: {size} tokens")
    return 0


def _read_captions(pictures: Path, bar: Progress) -> Iterator[str]:
    """Every caption as the model will meet it."""
    from dalle_mini.data.shards import RecordSet
    from dalle_mini.text.normalize import normalize

    records = RecordSet.open(pictures, "pictures")
    for index, fields in enumerate(records.fields()):
        if index % _SHOW_EVERY == 0:
            bar.count(index / len(records), index)
        yield normalize(fields["caption"]).text
    bar.label = "learning words"
    bar.show()


def _describe(directory: str, found: "Inspection") -> Iterator[str]:
    made = found.manifest
    of = f"{made.resolution} × {made.resolution} pixels"
    if made.kind == "tokens":
        of = f"{made.text_length} text and {made.image_length} image tokens, of a codebook of {made.codebook_size}"
    yield f"{directory}: {made.count} {made.kind} in {len(made.shards)} shards, {format_bytes(found.size)}; {of}"
    if made.kind == "tokens":
        yield f"VQGAN {made.vqgan[:12]}, tokenizer {made.tokenizer[:12]}"
    yield f"licences: {_list_counts(made.licences)}"
    yield f"sources: {_list_counts(made.sources)}"
    yield f"captions: {_describe_lengths(found)}" + (f"; {made.named} from names" if made.named else "")
    if found.labels:
        yield f"labels: {_list_counts(found.labels)}"
    yield from _describe_dropped(made)


def _describe_lengths(found: "Inspection") -> str:
    both = (("words", found.words), ("characters", found.characters))
    return ", ".join(f"{each.least} to {each.most} {what} ({each.middle} in the middle)" for what, each in both)


def _describe_dropped(made: "Manifest") -> Iterator[str]:
    for reason, dropped in made.dropped.items():
        yield f"dropped: {dropped.count} {reason}"
        yield from (f"  {example}" for example in dropped.examples)


def _list_counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_NAMES_SHOWN]]
    return ", ".join(shown) + (f" and {len(counts) - len(shown)} more" if len(counts) > len(shown) else "")
