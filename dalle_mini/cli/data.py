"""`dalle-mini data`: from captioned pictures to what a transformer is trained on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dalle_mini.cli.parser import Options, add_command, add_group, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out

_PICTURES = "the folder of picture shards (*.npz with pixels and captions)"


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
    from dalle_mini.checkpoints.store import load_vqgan
    from dalle_mini.data.encode import encode_shards
    from dalle_mini.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_directory(
        options.tokenizer, max_length=options.max_text_length, normalize=options.normalize
    )
    config, params = load_vqgan(options.vqgan)
    pictures, out = Path(options.pictures), Path(options.out)
    with Progress("encoding") as bar:
        bar.show(0)
        for done, total in encode_shards(pictures, out, tokenizer, params, config):
            bar.show(done / total)
    put_out(out)
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
    from dalle_mini.data.shards import read_shard, shard_paths
    from dalle_mini.text.normalize import normalize

    paths = shard_paths(pictures)
    for index, path in enumerate(paths):
        bar.show(index / len(paths))
        for caption in read_shard(path, ("captions",))["captions"]:
            yield normalize(str(caption)).text
    bar.label = "learning words"
    bar.show()
