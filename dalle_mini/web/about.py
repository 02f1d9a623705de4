"""What is this? A panel in plain words; every figure and every statement about a model is read from its release.

Paragraphs of a model card that begin with a bold name ("**Limits.** …") are shown as they are, and so are the sentences
of audits, where a release has their folders in `reports`.
"""

import dataclasses
import json
import re
from html import escape
from pathlib import Path

from dalle_mini.checkpoints.inspection import inspect
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.web.words import Words

CARD, REPORTS, SUMMARY = "MODEL_CARD.md", "reports", "summary.json"
STEPS = ("words", "tokens", "squares", "marks", "nine")

_PASSAGE = re.compile(r"\*\*([^*\n]{1,60}?)\.?\*\* (.+)", re.DOTALL)
_TOLD = ("uses", "what it knows", "limits", "data")
"""Passages of a card that are for anybody."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a release says of itself: sizes from its files, passages of its card, sentences of its audits."""

    name: str
    parameters: int
    text_length: int
    image_length: int
    codebook: int
    side: int
    is_ranked: bool
    passages: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


def read_facts(model: str, *, is_ranked: bool) -> Facts:
    """The facts of a model that is here; CheckpointError where it can't be read."""
    release = resolve(model, offline=True)
    transformer, vqgan = inspect(release.transformer), inspect(release.vqgan)
    return Facts(
        name=release.name,
        parameters=transformer.parameters + vqgan.parameters,
        text_length=transformer.sizes["max_text_length"],
        image_length=transformer.sizes["image_length"],
        codebook=vqgan.sizes["n_embed"],
        side=vqgan.sizes["resolution"],
        is_ranked=is_ranked,
        passages=_read_passages(release.transformer / CARD),
        sentences=_read_sentences(release.transformer / REPORTS),
    )


def render_about(words: Words, facts: Facts) -> str:
    """The panel."""
    values = {
        "model": facts.name,
        "millions": f"{facts.parameters / 1e6:,.1f}",
        "text": facts.text_length,
        "tokens": facts.image_length,
        "codebook": f"{facts.codebook:,}",
        "side": facts.side,
    }
    # Without a ranker nothing is marked, and nothing is chosen.
    steps = [step for step in STEPS if facts.is_ranked or step != "marks"]
    listed = "".join(f"<li>{escape(words(f'about.step.{step}', **values))}</li>" for step in steps)
    parts = [
        f"<p>{escape(words('about.lead', **values))}</p>",
        f"<h3>{escape(words('about.how'))}</h3><ol>{listed}</ol>",
        f"<h3>{escape(words('about.wrong'))}</h3><p>{escape(words('about.wrong.text'))}</p>",
        f"<p>{escape(words('about.bias.text'))}</p>",
        _list_passages(words, facts),
        _list_sentences(words, facts),
        f"<h3>{escape(words('about.privacy'))}</h3><p>{escape(words('about.privacy.text'))}</p>",
    ]
    return "".join(parts)


def _list_passages(words: Words, facts: Facts) -> str:
    if not facts.passages:
        return f"<p>{escape(words('about.no_card', model=facts.name))}</p>"
    told = "".join(f"<dt>{escape(title)}</dt><dd>{_write(text)}</dd>" for title, text in facts.passages)
    return f'<h3>{escape(words("about.card", model=facts.name))}</h3><dl lang="en">{told}</dl>'


def _list_sentences(words: Words, facts: Facts) -> str:
    title = f"<h3>{escape(words('about.measured'))}</h3>"
    if not facts.sentences:
        return f"{title}<p>{escape(words('about.unmeasured', model=facts.name))}</p>"
    return f'{title}<ul lang="en">{"".join(f"<li>{escape(sentence)}</li>" for sentence in facts.sentences)}</ul>'


def _read_passages(card: Path) -> tuple[tuple[str, str], ...]:
    try:
        paragraphs = card.read_text(encoding="utf-8").split("\n\n")
    except (OSError, UnicodeDecodeError):
        return ()
    found = [match for paragraph in paragraphs if (match := _PASSAGE.fullmatch(paragraph.strip()))]
    return tuple((match[1], " ".join(match[2].split())) for match in found if match[1].lower() in _TOLD)


def _read_sentences(folder: Path) -> tuple[str, ...]:
    found = []
    for path in sorted(folder.glob(f"*/{SUMMARY}")):
        try:
            sentences = json.loads(path.read_text(encoding="utf-8"))["sentences"]
            found += [sentence for sentence in sentences if isinstance(sentence, str)]
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return tuple(found)


def _write(text: str) -> str:
    """A passage as HTML: of Markdown, only bold and code are known."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
