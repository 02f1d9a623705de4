"""`dalle-mini data`: from captioned pictures to what a transformer is trained on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dalle_mini.cli.parser import Options, add_command, add_group, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out

_PICTURES = "a folder of pictures that `data build` made"
_SHOW_EVERY = 1000


def add_parser(commands: Any) -> None:
    group = add_group(commands, "data", help="prepare pictures and captions for training")
    _add_encode(group)
    _add_tokenizer(group)


def _add_encode(group: Any) -> None:
    parser = add_command(
        group,
        "encode",
        run_encode,
        help="turn captioned pictures into tokens",
        details="Shards that the output folder has already are left as they are.",
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
    add("--out", metavar="DIR", required=True, help="the folder for token shards")


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


def run_encode(options: Options) -> int:
    from dalle_mini.data.encode import Encoder, encode_pictures
    from dalle_mini.data.shards import RecordSet

    pictures = RecordSet.open(options.pictures, "pictures")
    encoder = Encoder(
        options.vqgan, options.tokenizer, max_text_length=options.max_text_length, normalize=options.normalize
    )
    with Progress("encoding") as bar:
        bar.show(0)
        made = encode_pictures(pictures, Path(options.out), encoder, on_progress=lambda share, _: bar.show(share))
    put_out(f"{options.out}: {made.count} pictures as tokens")
    return 0


def run_tokenizer(options: Options) -> int:
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

    read = RecordSet.open(pictures, "pictures")
    for index, fields in enumerate(read.fields()):
        if index % _SHOW_EVERY == 0:
            bar.show(index / len(read))
        yield normalize(fields["caption"]).text
    bar.label = "learning words"
    bar.show()
